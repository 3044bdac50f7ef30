/** @jsxImportSource solid-js */
import type {} from '@gatepost/client/jsx/solid'

export const App = () => <gatepost-inbox gate='' prop:token={() => 'token'} class='bell' on:gatepost-message={event => { console.log(event.detail.title) }} />

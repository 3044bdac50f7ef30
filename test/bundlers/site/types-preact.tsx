/** @jsxImportSource preact */
import type {} from '@gatepost/client/jsx/preact'

export const App = () => <gatepost-inbox gate='' token={() => 'token'} theme='dark' class='bell' onGatepost-message={event => { console.log(event.detail.title) }} />

/** Pieces that several of Gate's routes share. */
import { Type } from 'typebox'
import { Name, UserName } from '../../../shared/contract/validate.js'

export const strict = { additionalProperties: false } as const
export const UserParams = Type.Object({ user: UserName() })
export const GroupParams = Type.Object({ group: Name('a group') })
export const MemberParams = Type.Object({ group: Name('a group'), user: UserName() })

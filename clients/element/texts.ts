/** Every text that the component shows or speaks; a site sets `texts` to translate them. */
export const defaultTexts = {
  title: 'Messages',
  bell: (unread: number): string => unread === 0 ? 'Messages' : `Messages, ${unread} unread`,
  inbox: 'Inbox',
  archived: 'Archive',
  sent: 'Sent',
  box: 'Show',
  close: 'Close',
  back: 'Back to the list',
  archive: 'Archive',
  unarchive: 'Move to inbox',
  remove: 'Delete',
  markUnread: 'Mark as unread',
  markAllRead: 'Mark all as read',
  more: 'Show older',
  loading: 'Loading',
  empty: 'Nothing here.',
  unread: 'Unread',
  recalled: 'This message was taken back.',
  untitled: 'No subject',
  failed: 'That did not work.',
  retry: 'Try again',
  reconnecting: 'Reconnecting',
  offline: 'Offline; trying again',
  closed: 'Not connected',
  arrived: (from: string, title: string): string => `New message from ${from}: ${title}`,
  to: 'To'
}

export type Texts = typeof defaultTexts

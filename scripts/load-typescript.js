// Preloaded into every process of the tests (NODE_OPTIONS, before what tap preloads): tsx compiles TypeScript with esbuild and keeps
// what it compiled. tap's own loader, which compiles all of a file's imports anew in each process, stands back where it finds this set.
import { register } from 'tsx/esm/api'

process.env.TAP_TYPE_STRIP_ONLY = '1'
register()

import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

export default [
  { ignores: ['**/dist/', '.tap/', '.servers/', 'data/', 'test/bundlers/site/', 'coverage/', 'test/**/tap-testdir-*/'] },
  ...neostandard({ ts: true, noJsx: true }),
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-for-in-array': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // TypeScript knows that a type and its schema may share a name, and that a callback may change what a loop asks.
      '@typescript-eslint/no-redeclare': 'off',
      'no-unmodified-loop-condition': 'off',
      'prefer-promise-reject-errors': 'off',
      // `void promise` says that nobody waits for it, on purpose.
      'no-void': ['error', { allowAsStatement: true }],
      '@stylistic/object-property-newline': 'off',
      'no-empty': ['error', { allowEmptyCatch: false }],
      // Several short statements of one thought on one line read well.
      '@stylistic/max-statements-per-line': 'off'
    }
  },
  {
    // What settings there are is known in one place.
    files: ['services/**/*.ts', 'shared/**/*.ts', 'clients/**/*.ts'],
    ignores: ['shared/platform/settings/sources.ts'],
    rules: {
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'Settings are read in shared/platform/settings/sources.ts.' }]
    }
  },
  {
    // One thing at a time: what is longer is split by concept.
    files: ['services/**/*.ts', 'shared/**/*.ts', 'clients/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: false, skipComments: false }]
    }
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // node-tap waits for its subtests by itself.
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafePromises: [{ from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' }] }]
    }
  }
]

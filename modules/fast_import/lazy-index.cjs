// Preloaded into the jsii kernel's Node process (see bindings.py).
// A prebuilt provider's lib/index.js requires every resource when it is loaded; this turns each
// such line into a getter, so that a resource's code is read when it is first used.
"use strict";
const fs = require("node:fs");
const { _extensions } = require("node:module");

const INDEX = /[\\/]@cdktf[\\/]provider-[\w-]+[\\/]lib[\\/]index\.js$/;
const EAGER = /^exports\.(\w+) = ((?:__importStar\()?require\("\.\/[\w/-]+"\)\)?);$/gm;
const LAZY = 'Object.defineProperty(exports, "$1", { enumerable: true, get: () => $2 });';

const compileAsUsual = _extensions[".js"];
_extensions[".js"] = (module, filename) => {
  if (!INDEX.test(filename)) return compileAsUsual(module, filename);
  const source = fs.readFileSync(filename, "utf8");
  const lazy = source.replace(EAGER, LAZY);
  if (lazy === source) {
    process.stderr.write(
      `fast synthesis: ${filename} has an unknown layout; loading it whole (slow, same result). ` +
        "Adapt modules/fast_import/lazy-index.cjs to it.\n",
    );
  }
  return module._compile(lazy, filename);
};

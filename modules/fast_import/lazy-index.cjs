// Preloaded into the jsii kernel's Node process by bindings.py.
// The lib/index.js of a prebuilt provider requires every resource on load. This turns each such line
// into a getter, so that the code of a resource is loaded on first use.
"use strict";
const fs = require("node:fs");
const { _extensions } = require("node:module");

const INDEX = /[\\/]@cdkt[fn][\\/]provider-[\w-]+[\\/]lib[\\/]index\.js$/;
const EAGER = /^exports\.(\w+) = ((?:__importStar\()?require\("\.\/[\w/-]+"\)\)?);$/gm;
const LAZY = 'Object.defineProperty(exports, "$1", { enumerable: true, get: () => $2 });';

const load = _extensions[".js"];
_extensions[".js"] = (module, filename) => {
  if (!INDEX.test(filename)) return load(module, filename);
  const source = fs.readFileSync(filename, "utf8");
  const lazy = source.replace(EAGER, LAZY);
  if (lazy === source) {
    process.stderr.write(
      `fast synthesis: ${filename} has an unknown layout; loading all of it (slow, same result). ` +
        "Adapt modules/fast_import/lazy-index.cjs to the new layout.\n",
    );
  }
  return module._compile(lazy, filename);
};

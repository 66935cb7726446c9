// Judges calls by policies, with an evaluator of IAM's semantics that knows AWS's Service
// Authorization Reference: node simulate.cjs DIRECTORY < QUESTIONS > ANSWERS
// DIRECTORY has the node_modules.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const path = require("node:path");

const [directory] = process.argv.slice(2);
const { runSimulation } = createRequire(path.join(path.resolve(directory), "/"))(
  "@cloud-copilot/iam-simulate",
);

// A KMS key obeys its own policy: this one leaves the decision to IAM, as a key's default does.
function resourcePolicy(account, action) {
  if (!action.startsWith("kms:")) return undefined;
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: "kms:*",
        Resource: "*",
      },
    ],
  };
}

async function judged({ account, policies, boundary, calls }) {
  const answers = [];
  for (const { action, resource, context } of calls) {
    const found = await runSimulation(
      {
        request: {
          principal: `arn:aws:iam::${account}:role/deployer`,
          action,
          resource: { resource, accountId: account },
          contextVariables: context,
        },
        identityPolicies: policies.map((policy, index) => ({ name: `${index}`, policy })),
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        resourcePolicy: resourcePolicy(account, action),
        permissionBoundaryPolicies: boundary && [{ name: "boundary", policy: boundary }],
      },
      {},
    );
    answers.push(
      found.resultType === "error" ? JSON.stringify(found.errors) : found.overallResult,
    );
  }
  return answers;
}

(async () => {
  const questions = JSON.parse(readFileSync(0, "utf8"));
  process.stdout.write(JSON.stringify(await Promise.all(questions.map(judged))));
})();

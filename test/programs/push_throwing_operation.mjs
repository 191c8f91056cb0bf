// Completion handlers of operations that throw. Prints what happened all the same.
import { CompletionPort } from "portside";

const port = new CompletionPort();
const uncaught = [];
process.on("uncaughtException", (error) => uncaught.push(error.message));

let completions = 0;
let again = 0;
for (let index = 0; index < 20; index++) {
  let round = 0;
  port
    .operation((error, result, operation) => {
      completions++;
      if (round++ === 1) {
        if (error === null && result === undefined) again++;
        return;
      }
      // Submitted again inside its own handler, which then throws: that submission has to stand.
      operation.timer(1);
      if (index % 2 === 1) throw new Error("thrown in operation");
    })
    .timer(1);
}
while (again < 20) await new Promise((resolve) => setTimeout(resolve, 1));
await port.close();
console.log(JSON.stringify({ completions, uncaught }));

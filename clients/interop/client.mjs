// The app of app.mjs on the stock SDK for Node.js. States go to stdout; stdin takes local writes: {"insert":"table","row":{...}}. It ends
// when stdin does.
import readline from 'node:readline';
import { PowerSyncDatabase } from '@powersync/node';
import { follow, insert, loggerTo, schemaOf } from './app.mjs';

const options = JSON.parse(process.env.OPTIONS);
const print = (text) => process.stderr.write(`${text}\n`);
const db = new PowerSyncDatabase({
  schema: schemaOf(options.tables),
  logger: loggerTo(print, process.env.VERBOSE),
  database: { dbFilename: 'client.db', dbLocation: options.dir, readWorkerCount: 1 }
});
await follow(db, options, (text) => process.stdout.write(`${text}\n`), print);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const write = JSON.parse(line);
  await insert(db, write.insert, write.row);
}
await db.close();
process.exit(0); // the SDK's workers can outlive close

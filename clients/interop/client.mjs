// The stock SDK as a child process. It connects to ENDPOINT with TOKEN over METHOD (http, ws), keeps its database in DB_DIR, and says on
// stdout, one JSON object a line, what it holds whenever that changes:
//
//   {"connected":true,"synced":true,"syncedAt":"...","error":null,"tables":{"lists":{"id":{...}}}}
//
// TABLES is {"table":["column",...]}, all of type text. On stdin it takes local writes: {"insert":"table","row":{...}}. What it uploads
// is dropped, as by a backend that refuses everything: the row vanishes again once the server acknowledges the write checkpoint.
// It ends when stdin does.
import readline from 'node:readline';
import { LogLevels } from '@powersync/common';
import { PowerSyncDatabase, Schema, SyncStreamConnectionMethod, Table, column } from '@powersync/node';

const env = process.env;
const tables = JSON.parse(env.TABLES);
const levelOf = (l) => (typeof l === 'object' ? l.value : l);
const logger = {
  log({ level, message, error }) {
    if (levelOf(level) >= levelOf(LogLevels.warn) || env.VERBOSE) {
      process.stderr.write(`[client] ${[message, error?.message, error?.cause?.message].filter(Boolean).join(' | ')}\n`);
    }
  }
};

const db = new PowerSyncDatabase({
  schema: new Schema(
    Object.fromEntries(
      Object.entries(tables).map(([name, columns]) => [name, new Table(Object.fromEntries(columns.map((c) => [c, column.text])))])
    )
  ),
  logger,
  database: { dbFilename: 'client.db', dbLocation: env.DB_DIR, readWorkerCount: 1 }
});
await db.init();

const connector = {
  fetchCredentials: async () => ({ endpoint: env.ENDPOINT, token: env.TOKEN }),
  async uploadData(database) {
    for (let tx; (tx = await database.getNextCrudTransaction()); ) await tx.complete();
  }
};

let last = '';
let busy = Promise.resolve();
// Looks are queued, so that states come out in order.
const look = () => (busy = busy.then(say));
async function say() {
  const state = { tables: {} };
  for (const name of Object.keys(tables)) {
    const rows = await db.getAll(`SELECT * FROM "${name}" ORDER BY id`);
    state.tables[name] = Object.fromEntries(rows.map((r) => [r.id, r]));
  }
  const s = db.currentStatus;
  state.connected = s.connected;
  state.synced = s.hasSynced ?? false;
  state.syncedAt = s.lastSyncedAt ?? null;
  state.error = s.downloadError?.message ?? s.uploadError?.message ?? null;
  const text = JSON.stringify(state);
  if (text !== last) process.stdout.write(text + '\n');
  last = text;
}

db.registerListener({ statusChanged: look });
db.onChange({ onChange: look, onError: (e) => process.stderr.write(`${e.message}\n`) }, { tables: Object.keys(tables), throttleMs: 0 });
await look();
await db.connect(connector, {
  connectionMethod: env.METHOD === 'ws' ? SyncStreamConnectionMethod.WEB_SOCKET : SyncStreamConnectionMethod.HTTP,
  retryDelayMs: 100,
  crudUploadThrottleMs: 50,
  ...(env.CHECKPOINT_MODE ? { checkpointMode: env.CHECKPOINT_MODE } : {})
});

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { insert, row } = JSON.parse(line);
  const columns = Object.keys(row);
  const list = columns.map((c) => `"${c}"`).join(', ');
  await db.execute(`INSERT INTO "${insert}" (${list}) VALUES (${columns.map(() => '?').join(', ')})`, Object.values(row));
}
await db.close();
process.exit(0); // the SDK's workers can outlive close

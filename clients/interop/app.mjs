// An app on a stock SDK, the same in Node.js and in the browser: it tells what it holds, and takes local writes.
//
// OPTIONS is an object of: endpoint, token, method (http, ws), dir (of the database, where there are folders), tables
// ({"table":["column",...]}, all of type text), checkpointMode, backend (address that takes uploads; they are dropped if there is none, as by
// a backend that refuses everything: the row vanishes again once the server acknowledges the write checkpoint).
import { LogLevels, Schema, SyncStreamConnectionMethod, Table, column } from '@powersync/common';

export const schemaOf = (tables) =>
  new Schema(Object.fromEntries(Object.entries(tables).map(([name, columns]) => [name, new Table(Object.fromEntries(columns.map((c) => [c, column.text])))])));

const levelOf = (l) => (typeof l === 'object' ? l.value : l);
export const loggerTo = (print, verbose) => ({
  log({ level, message, error }) {
    if (levelOf(level) >= levelOf(LogLevels.warn) || verbose) {
      print(`[client] ${[message, error?.message, error?.cause?.message].filter(Boolean).join(' | ')}`);
    }
  }
});

const connectorOf = ({ endpoint, token, backend }) => ({
  fetchCredentials: async () => ({ endpoint, token }),
  async uploadData(database) {
    for (let tx; (tx = await database.getNextCrudTransaction()); ) {
      if (backend) await upload(backend, tx);
      await tx.complete();
    }
  }
});

async function upload(backend, tx) {
  const ops = tx.crud.map(({ op, table, id, opData }) => ({ op, table, id, data: opData }));
  const answer = await fetch(backend, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(ops) });
  if (!answer.ok) throw new Error(`upload: ${answer.status}`);
}

// follow connects db and gives say a line of JSON whenever what it holds changes:
//
//   {"connected":true,"synced":true,"syncedAt":"...","error":null,"tables":{"lists":{"id":{...}}}}
export async function follow(db, options, say, print) {
  const names = Object.keys(options.tables);
  let last = '';
  let busy = Promise.resolve();
  const look = () => (busy = busy.then(tell)); // queued, so that states come out in order
  async function tell() {
    const state = { tables: {} };
    for (const name of names) {
      const rows = await db.getAll(`SELECT * FROM "${name}" ORDER BY id`);
      state.tables[name] = Object.fromEntries(rows.map((r) => [r.id, r]));
    }
    const s = db.currentStatus;
    state.connected = s.connected;
    state.synced = s.hasSynced ?? false;
    state.syncedAt = s.lastSyncedAt ?? null;
    state.error = s.downloadError?.message ?? s.uploadError?.message ?? null;
    const text = JSON.stringify(state);
    if (text !== last) await say(text);
    last = text;
  }
  await db.init();
  db.registerListener({ statusChanged: look });
  db.onChange({ onChange: look, onError: (e) => print(e.message) }, { tables: names, throttleMs: 0 });
  await look();
  await db.connect(connectorOf(options), {
    connectionMethod: options.method === 'ws' ? SyncStreamConnectionMethod.WEB_SOCKET : SyncStreamConnectionMethod.HTTP,
    retryDelayMs: 100,
    crudUploadThrottleMs: 50,
    ...(options.checkpointMode ? { checkpointMode: options.checkpointMode } : {})
  });
}

// insert writes a row locally.
export async function insert(db, table, row) {
  const columns = Object.keys(row);
  const list = columns.map((c) => `"${c}"`).join(', ');
  await db.execute(`INSERT INTO "${table}" (${list}) VALUES (${columns.map(() => '?').join(', ')})`, Object.values(row));
}

// The app of app.mjs on the stock SDK for the web. browser.mjs puts say and print into the page and calls start and write.
import { PowerSyncDatabase } from '@powersync/web';
import { follow, insert, loggerTo, schemaOf } from './app.mjs';

let db;
window.start = (options) => {
  db = new PowerSyncDatabase({ schema: schemaOf(options.tables), logger: loggerTo(window.print), database: { dbFilename: 'client.db' } });
  return follow(db, options, window.say, window.print);
};
window.write = (table, row) => insert(db, table, row);

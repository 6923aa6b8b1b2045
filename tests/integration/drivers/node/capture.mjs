// Change data capture with zongji: node capture.mjs. By environment: DB_PORT, DB_USER, DB_PASSWORD, DB_POSITION (GTIDs behind which
// it begins), NODE_PATH. One line of JSON per transaction, when its end has come: {"gtid": ..., "changes": [[event, table, rows], ...]}.
// When the stream ends, it says {"lost": code} and goes on behind the last transaction of which it has all, until it is killed.
const env = process.env;
const {default: ZongJi} = await import(`${env.NODE_PATH}/@vlasky/zongji/index.js`);

const login = {host: '127.0.0.1', port: Number(env.DB_PORT), user: env.DB_USER, password: env.DB_PASSWORD, dateStrings: true};
const includeEvents = ['tablemap', 'writerows', 'updaterows', 'deleterows', 'xid', 'query'];
let position = env.DB_POSITION;

function say(value) {
  process.stdout.write(JSON.stringify(value) + '\n');
}

function capture() {
  const reader = new ZongJi(login);
  let changes = [];
  let over = false;
  reader.on('binlog', (event) => {
    const name = event.getTypeName();
    if (event.rows) {
      const table = event.tableMap[event.tableId];
      changes.push([name, `${table.parentSchema}.${table.tableName}`, event.rows]);
    }
    if (name !== 'Xid') return;
    say({gtid: event.gtid, changes});
    changes = [];
    position = reader.gtidSet;
  });
  reader.on('error', (error) => {
    if (over) return;
    over = true;
    say({lost: error.code, text: error.message});
    reader.stop();
    setTimeout(capture, 100);
  });
  reader.start({serverId: 4242, gtidSet: position, includeEvents});
}

capture();

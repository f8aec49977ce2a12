// A message centre on npm `smpp`, another maker's codec. Takes orders as JSON lines on standard input, tells what it
// sees as JSON lines on standard output; the first line is its port. Loopback only; ends with its standard input.
//
//     {"mode": "take|receipt|early|throttle|refuse|silent|close"}   how it answers submits from now on; tells it back
//     {"deliver": {...}}                                           sends a deliver_sm, tells the status of its answer
const smpp = require('smpp');
const PASSWORD = 'secret';

let mode = 'take';
let last = 0xa000;
let bound = null;
const say = event => console.log(JSON.stringify(event));

function receipt(session, pdu, id) {
  const text = `id:${id} sub:001 dlvrd:001 submit date:2611271200 done date:2611271201 stat:DELIVRD err:000 text:`;
  deliver(session, {
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4, short_message: text,
    receipted_message_id: id, message_state: 2,
  });
}

function deliver(session, fields) {
  session.deliver_sm(fields, answer => say({ confirmed: answer.command_status }));
}

function submit(session, pdu) {
  const words = pdu.message_payload ? pdu.message_payload.message ?? pdu.message_payload : pdu.short_message.message;
  const udh = pdu.short_message && pdu.short_message.udh;
  say({
    submit: String(words), source: pdu.source_addr, destination: pdu.destination_addr, coding: pdu.data_coding,
    esm_class: pdu.esm_class, registered: pdu.registered_delivery, validity: pdu.validity_period,
    udh: udh && udh.length ? udh.map(element => element.toString('hex')) : null,
    sar: pdu.sar_total_segments ? [pdu.sar_segment_seqnum, pdu.sar_total_segments] : null,
    payload: Boolean(pdu.message_payload),
  });
  const id = (++last).toString(16);
  const answer = status => session.send(pdu.response({ command_status: status, message_id: status ? '' : id }));
  switch (mode) {
    case 'silent': return;
    case 'close': return session.destroy();
    case 'throttle': return answer(smpp.ESME_RTHROTTLED);
    case 'refuse': return answer(smpp.ESME_RINVDSTADR);
    case 'early': receipt(session, pdu, id); return setTimeout(() => answer(0), 100);
    case 'receipt': answer(0); return receipt(session, pdu, id);
    default: answer(0);
  }
}

const server = smpp.createServer({}, session => {
  session.on('error', error => say({ error: error.code || error.message }));
  session.on('bind_transceiver', pdu => {
    const good = pdu.password === PASSWORD;
    say({ bind: pdu.system_id, version: pdu.interface_version, good });
    session.send(pdu.response({ command_status: good ? 0 : smpp.ESME_RINVPASWD, system_id: 'npm' }));
    if (good) bound = session;
    else session.close();
  });
  session.on('submit_sm', pdu => submit(session, pdu));
  session.on('cancel_sm', pdu => { say({ cancel: pdu.message_id }); session.send(pdu.response()); });
  session.on('enquire_link', pdu => session.send(pdu.response()));
  session.on('unbind', pdu => { say({ unbind: true }); session.send(pdu.response()); session.close(); });
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));

require('readline').createInterface({ input: process.stdin }).on('line', line => {
  const order = JSON.parse(line);
  if (order.mode) { mode = order.mode; say({ mode }); }
  if (order.deliver) deliver(bound, order.deliver);
}).on('close', () => process.exit(0));

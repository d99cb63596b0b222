// The HTTP side: raw bytes in, signature checked over exactly these bytes, stored, acknowledged.

import { createPublicKey, verify } from 'node:crypto';

import Fastify from 'fastify';

const BODY_BYTES_MAX = 64 * 1024;
const ACKNOWLEDGEMENT = '{"code":"SUCCESS","msg":"Success"}';
const UNAUTHORIZED = '{"error":"unauthorized"}';

const STATUSES = new Map([
  ['REFUND_SUCCESS', 'succeeded'],
  ['REFUND_FAILED', 'failed'],
]);

export function buildReceiver({ store, publicKeyPem, merchantNo }) {
  const publicKey = createPublicKey(publicKeyPem);
  const app = Fastify({ bodyLimit: BODY_BYTES_MAX, logger: false });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });

  app.post('/callbacks/payermax/main', (request, reply) => {
    const sign = request.headers.sign;
    const body = request.body;
    reply.type('application/json');
    if (typeof sign !== 'string' || !isSigned(body, sign, publicKey)) {
      reply.code(401).send(UNAUTHORIZED);
      return;
    }
    let notification;
    try {
      notification = JSON.parse(body);
    } catch {
      reply.code(400).send('{"error":"bad_request"}');
      return;
    }
    if (notification.merchantNo !== merchantNo) {
      reply.code(401).send(UNAUTHORIZED);
      return;
    }
    const refund = readRefund(notification);
    if (refund === null) {
      reply.code(400).send('{"error":"bad_request"}');
      return;
    }
    store.accept(body, sign, refund);
    reply.send(ACKNOWLEDGEMENT);
  });
  return app;
}

function isSigned(body, sign, publicKey) {
  return verify('RSA-SHA256', body, publicKey, Buffer.from(sign, 'base64'));
}

/** The members that a refund is made of, or null when one is missing. */
function readRefund({ notifyType, data }) {
  const status = STATUSES.get(data?.status);
  if (notifyType !== 'REFUND' || status === undefined) return null;
  const { outRefundNo, refundTradeNo, outTradeNo, refundAmount, refundCurrency } = data;
  const texts = [outRefundNo, refundTradeNo, outTradeNo, refundCurrency];
  if (!texts.every((text) => typeof text === 'string') || refundAmount === undefined) return null;
  return {
    refundNo: outRefundNo,
    providerRefundNo: refundTradeNo,
    orderNo: outTradeNo,
    // Good enough for a yardstick; a real receiver reads the digits of the text.
    amountTenThousandths: Math.round(Number(refundAmount) * 10_000),
    currency: refundCurrency,
    status,
    providerStatus: data.status,
  };
}

/* The page's policy lets nothing but these addresses become workers. */
const ADDRESSES = ['/static/js/workers/hash.js', '/static/sw.js'];

const policy = globalThis.trustedTypes?.createPolicy('studio-worker', {
  createScriptURL: (address) => {
    if (!ADDRESSES.includes(address)) throw new TypeError(address);
    return address;
  },
});

/** The address of a worker, in the form that the browser trusts. */
export const workerAddress = (address) => policy?.createScriptURL(address) ?? address;

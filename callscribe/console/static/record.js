// The address of a call's record in another system, by a template of the settings (web.record_link).

/** The user or number of a SIP or tel address. */
const userPart = (address) => address.replace(/^[a-z]+:/i, "").replace(/[@;?].*$/, "");

/** The other party of the call: who is not the agent, nor one of the desk's own addresses. */
export function otherParty(call, addresses) {
  const customer = call.channels.find((channel) => channel.role === "customer")?.party;
  if (customer) return customer;
  const own = new Set(addresses.map((address) => address.toLowerCase()));
  const isOwn = ({ address }) => own.has(address.toLowerCase()) || own.has(userPart(address).toLowerCase());
  return [call.caller, call.callee].find((party) => party.address && !isOwn(party)) ?? call.caller;
}

/** The link; "" where there is no template, or the call lacks something that it names. Every value is escaped. */
export function recordLink(template, call, addresses) {
  if (!template) return "";
  const values = {
    id: call.id, trunk: call.trunk, caller: userPart(call.caller.address), callee: userPart(call.callee.address),
    customer: userPart(otherParty(call, addresses).address),
  };
  for (const { kind, value } of call.outside_ids) values[kind.replaceAll("-", "_")] ??= value;
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  if (!names.every((name) => Object.hasOwn(values, name) && values[name])) return "";
  const link = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
  return URL.canParse(link) && /^https?:$/.test(new URL(link).protocol) ? link : "";
}

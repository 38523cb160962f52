"use strict";
// The machine, the links, and what was verified.
(() => {
  const { at, make, absent, count, seconds, bytes } = charts;
  const { data } = cells;
  for (const run of data.runs) {
    const list = make("dl");
    const fact = (term, ...value) => list.append(make("dt", {}, term), make("dd", {}, ...value));
    fact("run", `${run.id}, ${run.started}`);
    fact("command", make("code", {}, run.command.join(" ")));
    fact("Linnet", [run.linnet, run.revision].filter(Boolean).join(", "));
    fact("machine", `${run.machine.cpu_model}, ${run.machine.cores} cores, ${run.machine.kernel}; ${run.machine.features.join(" ")}`);
    for (const link of run.links) {
      const asked = run.server ? "not emulated" : `${absent(link.rate_bytes_per_s) ? "unshaped" : `${bytes(link.rate_bytes_per_s)}/s`}, RTT ${seconds(link.rtt_s)}`;
      const found = absent(link.measured_rate_bytes_per_s) ? "" : `; measured ${bytes(link.measured_rate_bytes_per_s)}/s, RTT ${seconds(link.measured_rtt_s)}`;
      fact(`link ${link.name}`, asked + found);
    }
    if (run.server) {
      const { machine, address, linnet, revision } = run.server;
      fact("server", `${address}: ${machine.cpu_model}, ${machine.cores} cores, ${machine.kernel}; Linnet ${[linnet, revision].filter(Boolean).join(", ")}`);
    }
    at("machines").append(list);
  }
  const [between, here] = [data.runs.filter((run) => run.server), data.runs.filter((run) => !run.server)];
  const named = (runs) => (between.length && here.length ? `${runs.map((run) => run.id).join(", ")}: ` : "");
  const [counted, verified] = [d3.sum(cells.rows, (row) => row.n), d3.sum(cells.rows, (row) => row.verified)];
  at("where").textContent = [
    here.length && `${named(here)}both parties ran on the machine named above; the links are emulated, and were measured before the run.`,
    between.length && `${named(between)}the parties ran on two hosts, each by its own clock, over the network between them.`,
    verified === counted
      ? "Every inference that counts was compared bit for bit with a replay in the clear."
      : `Of the ${count(counted)} inferences that count, ${count(verified)} were compared bit for bit with a replay in the clear.`,
  ].filter(Boolean).map((say) => say[0].toUpperCase() + say.slice(1)).join(" ");
})();

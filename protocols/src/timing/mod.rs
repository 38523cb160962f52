//! How long a plan takes over a link, before anything runs: both parties' walks on the counted clock ([`netem::replay()`]),
//! with what a unit of work takes on the machine.

mod rates;

pub use rates::{Features, Observation, Observations, PartyRates, Rates, fit, observe};

use rates::framed;

use crate::cost;
use crate::he::HeParameters;
use crate::prepared::PreparedPlan;
use crate::walk::Act;
use netem::{Event, Link, Phase, Predicted, hold, replay};
use serde::Serialize;

/// How long one inference is predicted to take over a link. As measured: offline by the slower party, online by the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Seconds of preprocessing.
    pub offline_s: f64,
    /// Seconds from image to logits.
    pub online_s: f64,
}

impl Times {
    /// Both together.
    pub fn total_s(&self) -> f64 {
        self.offline_s + self.online_s
    }
}

/// How long one inference of `plan` takes over `link` on a machine of these rates.
pub fn times(plan: &PreparedPlan, rates: &Rates, link: &Link) -> Times {
    let ends = events(plan, rates);
    let total = |steps: &[Predicted]| steps.iter().map(|step| step.wall_ns as f64).sum::<f64>() / 1e9;
    let [client, server] = replayed(&ends, Phase::Offline, link);
    let [online, _] = replayed(&ends, Phase::Online, link);
    Times { offline_s: total(&client).max(total(&server)), online_s: total(&online) }
}

/// Both parties' events, as a channel would have recorded them.
fn events(plan: &PreparedPlan, rates: &Rates) -> [Vec<Event>; 2] {
    [(cost::client(plan), &rates.client), (cost::server(plan), &rates.server)].map(|(acts, rates)| {
        let mut events: Vec<Event> = acts.iter().map(|act| event(act, rates, &plan.he)).collect();
        hold(&mut events);
        events
    })
}

fn event(act: &Act, rates: &PartyRates, he: &HeParameters) -> Event {
    let compute_ns = rates.ns(&Features::of(act, he)).round() as u64;
    Event { phase: act.phase, step: act.step.number(), compute_ns, doing: framed(act.doing) }
}

fn replayed(ends: &[Vec<Event>; 2], phase: Phase, link: &Link) -> [Vec<Predicted>; 2] {
    let [client, server] = ends
        .each_ref()
        .map(|events| events.iter().filter(|event| event.phase == phase).copied().collect::<Vec<Event>>());
    replay([&client, &server], link).expect("both walks are of one plan")
}

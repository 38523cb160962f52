//! What a unit of work takes on a machine, and how that is found from runs.

use crate::he::{HeBackend, HeParameters};
use crate::tally::Operations;
use crate::walk::Act;
use netem::{Doing, Event, HEADER_BYTES};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Coefficients of the ciphertexts in whose size homomorphic work is counted: N = 4096 and two primes.
const COEFFICIENTS: f64 = 8192.0;

/// What an act's time is made of: its work, homomorphic work by the size of ciphertexts, and what it sends or receives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features([f64; Self::KINDS]);

impl Features {
    /// How many kinds there are: of work, then frames, bytes and steps.
    pub const KINDS: usize = Operations::KINDS + 3;

    /// Of one act of a plan with these parameters.
    pub fn of(act: &Act, he: &HeParameters) -> Self {
        let size = (he.degree * he.modulus_bits.len()) as f64 / COEFFICIENTS;
        let mut counts = [0.0; Self::KINDS];
        let kinds = Operations::NAMES.iter().zip(act.work.counts());
        for (count, (name, operations)) in counts.iter_mut().zip(kinds) {
            let homomorphic = matches!(*name, "encryptions" | "products" | "transforms" | "decryptions");
            *count = operations as f64 * if homomorphic { size } else { 1.0 };
        }
        let [frames, bytes, steps] = match act.doing {
            Doing::Sent(bytes) | Doing::Received(bytes) => [1.0, bytes as f64, 0.0],
            Doing::Left => [0.0, 0.0, 1.0],
        };
        counts[Operations::KINDS..].copy_from_slice(&[frames, bytes, steps]);
        Self(counts)
    }

    /// The kinds' names, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Operations::NAMES.into_iter().chain(["frames", "bytes", "steps"])
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(count, other)| *count += other);
    }
}

/// What a unit of every kind takes one party, nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, f64>", into = "BTreeMap<String, f64>")]
pub struct PartyRates([f64; Features::KINDS]);

impl PartyRates {
    /// Nanoseconds of what has these features.
    pub fn ns(&self, features: &Features) -> f64 {
        self.0.iter().zip(&features.0).map(|(rate, count)| rate * count).sum()
    }
}

impl TryFrom<BTreeMap<String, f64>> for PartyRates {
    type Error = String;

    fn try_from(named: BTreeMap<String, f64>) -> Result<Self, String> {
        if let Some(unknown) = named.keys().find(|name| !Features::names().any(|known| known == **name)) {
            return Err(format!("expected kinds of work, found `{unknown}`"));
        }
        let mut rates = [0.0; Features::KINDS];
        for (rate, name) in rates.iter_mut().zip(Features::names()) {
            *rate =
                *named.get(name).ok_or_else(|| format!("expected nanoseconds of `{name}`, found none"))?;
            if !(rate.is_finite() && *rate >= 0.0) {
                return Err(format!("expected nanoseconds of `{name}`, found {rate}"));
            }
        }
        Ok(Self(rates))
    }
}

impl From<PartyRates> for BTreeMap<String, f64> {
    fn from(rates: PartyRates) -> Self {
        Features::names().map(str::to_owned).zip(rates.0).collect()
    }
}

/// What work takes both parties on a machine, with one backend and a number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// The processor, for people.
    pub machine: String,
    /// Who computed on ciphertexts.
    pub backend: HeBackend,
    /// Threads of each party.
    pub threads: usize,
    /// The client's.
    pub client: PartyRates,
    /// The server's.
    pub server: PartyRates,
}

impl Rates {
    /// Those of the machine that this project was developed on, a 2-core AMD EPYC with AVX-512 and VAES: for choices between
    /// plans, which depend little on the machine.
    pub fn reference() -> Self {
        serde_json::from_str(include_str!("reference.json")).expect("tests read it")
    }
}

/// What a party was seen to take for a visit of a step.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// What it did.
    features: Features,
    /// Nanoseconds of computing.
    ns: f64,
}

/// What a party did of a plan with parameters `he`, as declared, beside what it was seen to do: an observation for every
/// visit of a step.
///
/// # Errors
/// The first event that is not what was declared: what was expected and found.
pub fn observe(
    declared: &[Act],
    seen: &[Event],
    he: &HeParameters,
) -> Result<Vec<Observation>, (String, String)> {
    let mut observations = Vec::new();
    let mut visit = Observation { features: Features::default(), ns: 0.0 };
    for (act, event) in declared.iter().zip(seen) {
        let framed = framed(act.doing);
        if (act.phase, act.step.number(), framed) != (event.phase, event.step, event.doing) {
            let told = |phase, step, doing| format!("{phase} step {step}: {doing:?}");
            let expected = told(act.phase, act.step.number(), framed);
            return Err((expected, told(event.phase, event.step, event.doing)));
        }
        visit.features.add(&Features::of(act, he));
        visit.ns += event.compute_ns as f64;
        if act.doing == Doing::Left {
            observations.push(visit);
            visit = Observation { features: Features::default(), ns: 0.0 };
        }
    }
    if declared.len() != seen.len() {
        return Err((format!("{} events", declared.len()), seen.len().to_string()));
    }
    Ok(observations)
}

/// What is done, with the header that the channel counts.
pub(super) fn framed(doing: Doing) -> Doing {
    match doing {
        Doing::Sent(bytes) => Doing::Sent(bytes + HEADER_BYTES),
        Doing::Received(bytes) => Doing::Received(bytes + HEADER_BYTES),
        Doing::Left => Doing::Left,
    }
}

/// What parties' phases were seen to take: visit by visit, and whole.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// Visits of steps: they tell kinds of work apart.
    visits: Vec<Observation>,
    /// Whole phases, which is what predictions are of. A phase takes longer than its visits' medians together: something else
    /// goes on at the machine in one or another of them, in every repeat.
    phases: Vec<Observation>,
}

impl Observations {
    /// Adds a phase, seen several times: each visit and the whole with its median time.
    ///
    /// # Panics
    /// Panics where repeats have different numbers of visits, or there is none.
    pub fn add(&mut self, repeats: &[Vec<Observation>]) {
        let visits = &repeats[0];
        self.visits.extend(visits.iter().enumerate().map(|(visit, first)| Observation {
            ns: median(repeats.iter().map(|repeat| repeat[visit].ns)),
            ..*first
        }));
        let mut features = Features::default();
        visits.iter().for_each(|visit| features.add(&visit.features));
        let ns = median(repeats.iter().map(|repeat| repeat.iter().map(|visit| visit.ns).sum()));
        self.phases.push(Observation { features, ns });
    }
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Below this many nanoseconds errors count by their size, above by their share.
const SMALL_NS: f64 = 1e5;

/// Sweeps of the descent, and the change of a rate, relative, at which it has converged.
const SWEEPS: usize = 100_000;
const CONVERGED: f64 = 1e-9;

/// How much all phases together count, beside all visits together.
const PHASES: f64 = 4.0;

/// The rates, none negative, that explain `observations` best: weighted least squares. Visits' errors count halfway between by
/// their share, so that small networks count too, and by their size, so that what takes long is met best; phases' errors
/// by their share.
pub fn fit(observations: &Observations) -> PartyRates {
    let Observations { visits, phases } = observations;
    let visit_weight = |visit: &Observation| (visit.ns + SMALL_NS).powf(-1.5);
    let of_visits: f64 = visits.iter().map(|visit| visit_weight(visit) * visit.ns.powi(2)).sum();
    let of_phases = PHASES * of_visits / phases.len() as f64;
    let weighted = visits.iter().map(|visit| (visit, visit_weight(visit))).chain(
        phases.iter().filter(|phase| phase.ns > 0.0).map(|phase| (phase, of_phases / phase.ns.powi(2))),
    );
    // Normal equations, then one rate after another at the best it can be for the others.
    let mut squares = [[0.0; Features::KINDS]; Features::KINDS];
    let mut targets = [0.0; Features::KINDS];
    for (Observation { features: Features(x), ns }, w) in weighted {
        for i in 0..Features::KINDS {
            targets[i] += w * x[i] * ns;
            (0..Features::KINDS).for_each(|j| squares[i][j] += w * x[i] * x[j]);
        }
    }
    let mut rates = [0.0; Features::KINDS];
    for _ in 0..SWEEPS {
        let mut moved: f64 = 0.0;
        for i in 0..Features::KINDS {
            if squares[i][i] == 0.0 {
                continue;
            }
            let others: f64 =
                (0..Features::KINDS).filter(|j| *j != i).map(|j| squares[i][j] * rates[j]).sum();
            let best = ((targets[i] - others) / squares[i][i]).max(0.0);
            moved = moved.max((best - rates[i]).abs() / best.max(rates[i]).max(f64::MIN_POSITIVE));
            rates[i] = best;
        }
        if moved < CONVERGED {
            break;
        }
    }
    PartyRates(rates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbering::ChannelStep;
    use netem::Phase;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha12Rng;

    fn planted() -> PartyRates {
        PartyRates(std::array::from_fn(|kind| if kind % 3 == 1 { 0.0 } else { 10.0 * (kind + 1) as f64 }))
    }

    /// What was measured without noise is found again; a kind that takes nothing is not given a negative rate.
    #[test]
    fn rates_that_explain_everything_are_found() {
        let (rates, mut rng) = (planted(), ChaCha12Rng::seed_from_u64(3));
        let mut seen = |_| {
            let features = Features(std::array::from_fn(|_| f64::from(rng.random_range(0..2000u32))));
            Observation { features, ns: rates.ns(&features) }
        };
        let mut observations = Observations::default();
        (0..20).for_each(|_| observations.add(&[(0..10).map(&mut seen).collect()]));
        let found = fit(&observations);
        for (rate, planted) in found.0.iter().zip(&rates.0) {
            assert!((rate - planted).abs() < 1e-3 * planted.max(1.0), "{:?}", found.0);
        }
    }

    /// Nor does it lengthen its phase; but what holds up one visit in every repeat lengthens the phase's median.
    #[test]
    fn a_repeat_that_was_held_up_counts_for_nothing() {
        let mut features = Features::default();
        features.0[0] = 3.0;
        let visits = |times: [f64; 2]| times.map(|ns| Observation { features, ns }).into();
        let mut found = Observations::default();
        found.add(&[visits([5.0, 700.0]), visits([900.0, 8.0]), visits([6.0, 7.0])]);
        let times = |seen: &[Observation]| seen.iter().map(|seen| seen.ns).collect::<Vec<f64>>();
        assert_eq!((times(&found.visits), times(&found.phases)), (vec![6.0, 8.0], vec![705.0]));
        assert_eq!(found.phases[0].features.0[0], 6.0);
    }

    /// Where rates cannot explain visits and phases both, they come nearer to phases.
    #[test]
    fn whole_phases_count_most() {
        let mut features = Features::default();
        features.0[0] = 1.0;
        let visits = |times: [f64; 2]| times.map(|ns| Observation { features, ns: 1e6 * ns }).into();
        let mut observations = Observations::default();
        // Medians of the visits are 10 and 10, that of the phase is 30.
        observations.add(&[visits([10.0, 20.0]), visits([10.0, 10.0]), visits([25.0, 10.0])]);
        let found = fit(&observations).0[0] / 1e6;
        assert!(found > 13.0 && found < 13.5, "{found}");
    }

    #[test]
    fn rates_are_written_by_name_and_refused_where_one_is_missing_or_unknown() {
        let text = serde_json::to_string(&planted()).unwrap();
        assert_eq!(serde_json::from_str::<PartyRates>(&text).unwrap(), planted());
        for (from, to, told) in [
            ("\"circuits\"", "\"circles\"", "found `circles`"),
            ("\"circuits\":0.0,", "", "nanoseconds of `circuits`"),
            ("\"circuits\":0.0", "\"circuits\":-1.0", "found -1"),
        ] {
            let error = serde_json::from_str::<PartyRates>(&text.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn the_rates_of_this_projects_machine_are_there() {
        assert_eq!(Rates::reference().threads, 1);
    }

    #[test]
    fn a_party_that_did_something_else_is_told_what_was_declared() {
        let he = HeParameters {
            backend: HeBackend::Linnet,
            degree: 4096,
            modulus_bits: vec![50; 2],
            plain_bits: 22,
        };
        let (phase, step, work) = (Phase::Online, ChannelStep::of(1), Operations::default());
        let declared = [Doing::Sent(10), Doing::Left].map(|doing| Act { phase, step, work, doing });
        let event = |doing| Event { phase, step: step.number(), compute_ns: 7, doing };
        let seen = observe(&declared, &[event(Doing::Sent(15)), event(Doing::Left)], &he).unwrap();
        assert_eq!((seen.len(), seen[0].ns), (1, 14.0));
        let (expected, found) = observe(&declared, &[event(Doing::Sent(14))], &he).unwrap_err();
        assert!(expected.contains("Sent(15)") && found.contains("Sent(14)"), "{expected}; {found}");
        let (expected, found) = observe(&declared, &[event(Doing::Sent(15))], &he).unwrap_err();
        assert_eq!((expected.as_str(), found.as_str()), ("2 events", "1"));
    }
}

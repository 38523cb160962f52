//! Whether a run fits this machine, asked before it starts.

use crate::choice::StoreKind;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::machine;
use models::graph::Shape;
use netem::Bytes;
use protocols::memory::Memory;
use protocols::plan::Plan;
use protocols::prepared::PreparedPlan;

/// Errors where the memory of the parties that run these plans at a time, or the clients' files, would not fit what is free
/// now.
pub(super) fn check(experiment: &Experiment, plans: &[(&PreparedPlan, StoreKind)]) -> Result<(), Error> {
    let in_file = plans.iter().any(|(_, store)| *store == StoreKind::File);
    if in_file {
        let folder = &experiment.store_dir;
        std::fs::create_dir_all(folder).map_err(Error::io(format!("making {}", folder.display())))?;
    }
    let disk = in_file.then(|| machine::free_disk(&experiment.store_dir)).flatten();
    Room { memory: machine::available_memory(), disk }.holds(plans)
}

/// A share of a value's unit, which the client holds for every value.
const SHARE_BYTES: u64 = 8;

/// Errors where not even its shares would fit what is free now. It is asked of a plan as it came, before anything is made of
/// it: a few bytes describe many units, and making it ready takes half as much as its shares.
pub(crate) fn check_offered(plan: &Plan) -> Result<(), Error> {
    check_free(units(plan).saturating_mul(SHARE_BYTES), plan)
}

/// Units of all values of a plan that nobody has checked.
pub(crate) fn units(plan: &Plan) -> u64 {
    let of = |shape: &Shape| {
        [shape.c, shape.h, shape.w].iter().fold(1u64, |units, extent| units.saturating_mul(*extent as u64))
    };
    plan.shapes().iter().map(of).fold(0, u64::saturating_add)
}

/// Errors where the memory of a client of this plan alone would not fit what is free now.
pub(crate) fn check_client(plan: &PreparedPlan) -> Result<(), Error> {
    check_free(Memory::of(plan).peak(false).client, plan)
}

fn check_free(need: u64, plan: &Plan) -> Result<(), Error> {
    match machine::available_memory() {
        Some(free) if free < need => Err(Error::Option {
            option: "--connect",
            expected: format!("about {} of free memory for a client of {}", Bytes(need), plan.name),
            found: format!("{} free", Bytes(free)),
        }),
        _ => Ok(()),
    }
}

/// Bytes that are free; what is not known is taken to be enough.
struct Room {
    memory: Option<u64>,
    disk: Option<u64>,
}

impl Room {
    fn holds(&self, plans: &[(&PreparedPlan, StoreKind)]) -> Result<(), Error> {
        let refuse = |option, expected, found| Err(Error::Option { option, expected, found });
        let (mut client, mut server, mut file, mut spared) = (0, 0, 0, 0);
        for (plan, store) in plans {
            let memory = Memory::of(plan);
            let need = memory.peak(*store == StoreKind::File);
            client += need.client;
            server += need.server;
            match store {
                StoreKind::File => file += memory.file,
                StoreKind::Memory => spared += memory.file,
            }
        }
        let mut names: Vec<&str> = plans.iter().map(|(plan, _)| plan.name.as_str()).collect();
        names.dedup();
        let names = names.join(", ");
        if let Some(free) = self.disk.filter(|free| *free < file) {
            let expected = format!("{} of free disk for {names}", Bytes(file));
            return refuse("--store", expected, format!("{} free", Bytes(free)));
        }
        if let Some(free) = self.memory.filter(|free| *free < client + server) {
            let expected = format!(
                "about {} of free memory for the client and {} for the server of {names} (--store file spares {})",
                Bytes(client),
                Bytes(server),
                Bytes(spared),
            );
            return refuse("--store", expected, format!("{} free", Bytes(free)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::fixed::steps::{Segment, Term, TermOp, ValueId};
    use models::graph::Shape;
    use protocols::he::{HeBackend, HeParameters};
    use protocols::ot::OtVariant;
    use protocols::plan::{LinearPlan, PROTOCOL_VERSION, Plan, PlannedStep};

    #[test]
    fn a_run_that_does_not_fit_is_refused_with_the_estimate() {
        let input = Shape::new(3, 32, 32);
        let op = TermOp::Times { by: 1 };
        let term =
            Term { source: ValueId::IMAGE, pre: Vec::new(), shape: input, divisor: 1, factor: 1.0, op };
        let segment = Segment { name: "copy".into(), terms: vec![term], shape: input, scale: 6 };
        let plan = PreparedPlan::new(Plan {
            version: PROTOCOL_VERSION,
            name: "empty".into(),
            ring: models::fixed::Ring::new(20).unwrap(),
            image_scale: 6,
            input,
            ot: OtVariant::default(),
            he: HeParameters {
                backend: HeBackend::Linnet,
                degree: 4096,
                modulus_bits: vec![50, 50],
                plain_bits: 20,
            },
            steps: vec![PlannedStep::Linear(LinearPlan { segment, exchanges: vec![None] })],
        })
        .unwrap();
        let need = Memory::of(&plan).peak(false);
        let room = |memory| Room { memory: Some(memory), disk: Some(0) };
        let (one, two) = ([(&plan, StoreKind::Memory)], [(&plan, StoreKind::Memory); 2]);
        assert!(room(need.client + need.server).holds(&one).is_ok());
        assert!(room(need.client + need.server).holds(&two).is_err());
        assert!(room(2 * (need.client + need.server)).holds(&two).is_ok());
        let error = room(need.client + need.server - 1).holds(&one).unwrap_err().to_string();
        assert!(error.contains("empty") && error.contains(&Bytes(need.server).to_string()), "{error}");
        assert!(Room { memory: None, disk: None }.holds(&[(&plan, StoreKind::File)]).is_ok());
    }
}

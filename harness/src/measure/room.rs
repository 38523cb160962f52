//! Whether a run fits this machine, asked before it starts.

use crate::cli::StoreArg;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::machine;
use netem::Bytes;
use protocols::plan::Plan;
use protocols::plan::memory::Memory;

/// Errors where the parties' memory or the client's file would not fit what is free now.
pub(super) fn check(experiment: &Experiment, store: StoreArg, plan: &Plan) -> Result<(), Error> {
    let in_file = store == StoreArg::File;
    if in_file {
        let folder = &experiment.store_dir;
        std::fs::create_dir_all(folder).map_err(Error::io(format!("making {}", folder.display())))?;
    }
    let disk = in_file.then(|| machine::free_disk(&experiment.store_dir)).flatten();
    Room { memory: machine::available_memory(), disk }.holds(plan, in_file)
}

/// Bytes that are free; what is not known is taken to be enough.
struct Room {
    memory: Option<u64>,
    disk: Option<u64>,
}

impl Room {
    fn holds(&self, plan: &Plan, in_file: bool) -> Result<(), Error> {
        let refuse = |option, expected, found| Err(Error::Option { option, expected, found });
        let memory = Memory::of(plan);
        let file = memory.file;
        if let Some(free) = self.disk.filter(|free| in_file && *free < file) {
            let expected = format!("{} of free disk for {}", Bytes(file), plan.name);
            return refuse("--store", expected, format!("{} free", Bytes(free)));
        }
        let need = memory.peak(in_file);
        if let Some(free) = self.memory.filter(|free| *free < need.client + need.server) {
            let (client, server) = (Bytes(need.client), Bytes(need.server));
            let spared = Bytes(if in_file { 0 } else { file });
            let expected = format!(
                "about {client} of free memory for the client and {server} for the server of {} \
                 (--store file spares {spared})",
                plan.name
            );
            return refuse("--store", expected, format!("{} free", Bytes(free)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::fixed::quantise::Scales;
    use models::graph::Shape;
    use protocols::he::{HeBackend, HeParameters};
    use protocols::plan::{PROTOCOL_VERSION, ReluVariant};

    #[test]
    fn a_run_that_does_not_fit_is_refused_with_the_estimate() {
        let plan = Plan {
            version: PROTOCOL_VERSION,
            name: "empty".into(),
            ring: models::fixed::Ring::new(20).unwrap(),
            scales: Scales { fa: 6, fw: 8 },
            input: Shape::new(3, 32, 32),
            relu: ReluVariant::Narrow,
            he: HeParameters {
                backend: HeBackend::Narrow,
                degree: 4096,
                modulus_bits: vec![50, 50],
                plain_bits: 20,
            },
            steps: vec![],
        };
        let need = Memory::of(&plan).peak(false);
        let room = |memory| Room { memory: Some(memory), disk: Some(0) };
        assert!(room(need.client + need.server).holds(&plan, false).is_ok());
        let error = room(need.client + need.server - 1).holds(&plan, false).unwrap_err().to_string();
        assert!(error.contains("empty") && error.contains(&Bytes(need.server).to_string()), "{error}");
        assert!(Room { memory: None, disk: None }.holds(&plan, true).is_ok());
    }
}

//! Running the phases of a job: epochs, the best of them, and continuing after an end at any time.

use crate::images::{Batch, Order, accuracy, batches, correct, whole};
use crate::network::{Gates, Mode, Network, values};
use crate::optimizer::Optimizer;
use crate::phase::{ALPHA_PENALTY, Phase, loss};
use crate::privshap::select;
use crate::state::{Candidate, State};
use crate::watch::{Progress, Watch};
use crate::{Error, state};
use models::checkpoint::Epoch;
use models::data::{Dataset, Normalisation};
use models::graph::Graph;
use models::mask::Masks;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use tch::{Tensor, no_grad};

/// What is to be trained, on what, and where its state lives.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What weights are fitted to.
    pub train: &'a Dataset,
    /// What the best epoch is chosen on.
    pub held_out: &'a Dataset,
    /// How images become inputs.
    pub normalisation: &'a Normalisation,
    /// One after the other; each starts from the best epoch so far.
    pub phases: &'a [Phase],
    /// Whom phases that distil learn from: all units kept.
    pub teacher: Option<&'a Network>,
    /// Determines order and augmentation.
    pub seed: u64,
    /// Whatever else determines the outcome: a state on disk is continued only if this is the same.
    pub settings: &'a serde_json::Value,
    /// Folder of the state.
    pub dir: &'a Path,
}

/// Mean loss and accuracy of an epoch's batches, and the accumulated |gradient| of every alpha.
struct Pass {
    loss: f64,
    accuracy: f64,
    sensitivity: Vec<Tensor>,
}

impl Job<'_> {
    /// Runs to the end, from the state on disk if there is one, else from `network` and `masks`.
    /// The state stays until [`Job::forget`].
    pub fn run(
        &self,
        network: Network,
        masks: Masks,
        watch: &mut dyn Watch,
    ) -> Result<(Candidate, Vec<Epoch>), Error> {
        let (graph, device) = (network.graph().clone(), network.device());
        let mut state = match State::load(self.dir, &graph, self.settings)? {
            Some(state) => {
                let at = format!("{} epochs", state.history.len());
                watch.note(&format!("continuing after {at} found in {}", self.dir.display()));
                state
            }
            None => State {
                phase: 0,
                epoch: 0,
                parameters: network.parameters(),
                masks,
                steps: 0,
                averages: Default::default(),
                best: None,
                history: Vec::new(),
            },
        };
        let held_out = whole(self.held_out, self.normalisation, device);
        while let Some(phase) = self.phases.get(state.phase) {
            let network = Network::new(&graph, &state.parameters, device);
            self.phase(phase, &network, &mut state, &held_out, watch)?;
            if let Some(best) = &state.best {
                (state.parameters, state.masks) = (best.parameters.clone(), best.masks.clone());
            }
            (state.phase, state.epoch, state.steps) = (state.phase + 1, 0, 0);
            state.averages.clear();
        }
        let best = state.best.ok_or_else(|| Error::config("epochs", "at least 1 in some phase", "0"))?;
        Ok((best, state.history))
    }

    /// Removes the state from disk.
    pub fn forget(&self) -> Result<(), Error> {
        let path = self.dir.join(state::FILE);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, e)),
            _ => Ok(()),
        }
    }

    fn phase(
        &self,
        phase: &Phase,
        network: &Network,
        state: &mut State,
        held_out: &Batch,
        watch: &mut dyn Watch,
    ) -> Result<(), Error> {
        let graph = network.graph();
        let mut optimizer = Optimizer::new(phase.rule, network);
        optimizer.restore(state.steps, |name| state.averages.get(name).map(Tensor::shallow_clone));
        if let (0, Some(budgets)) = (state.epoch, &phase.budgets) {
            let pass = self.pass(phase, network, &state.masks, None, (state.phase, 0), watch)?;
            state.masks = chosen(graph, &pass.sensitivity, budgets);
        }
        while state.epoch < phase.epochs {
            let at = (state.phase, state.epoch + 1);
            let pass = self.pass(phase, network, &state.masks, Some(&mut optimizer), at, watch)?;
            if !pass.loss.is_finite() {
                return Err(Error::Diverged { phase: phase.name.clone(), epoch: at.1, loss: pass.loss });
            }
            let gates = Gates::of(graph, &state.masks, network.device());
            let accuracy = accuracy(network, &gates, held_out);
            state.parameters = network.parameters();
            if state.best.as_ref().is_none_or(|best| accuracy > best.held_out) {
                let (parameters, masks) = (state.parameters.clone(), state.masks.clone());
                state.best = Some(Candidate { parameters, masks, held_out: accuracy });
            }
            if let Some(budgets) = &phase.budgets {
                state.masks = chosen(graph, &pass.sensitivity, budgets);
            }
            state.epoch += 1;
            state.steps = optimizer.steps();
            state.averages = optimizer.saved().map(|(name, tensor)| (name, tensor.shallow_clone())).collect();
            let record = Epoch {
                phase: phase.name.clone(),
                epoch: state.epoch,
                loss: pass.loss,
                train: pass.accuracy,
                held_out: accuracy,
            };
            state.history.push(record.clone());
            state.save(self.dir, self.settings)?;
            if watch.epoch(&record, phase.epochs) == ControlFlow::Break(()) {
                return Err(Error::Stopped);
            }
        }
        Ok(())
    }

    /// One pass over the training images; without an optimizer, the weights stay and running statistics too.
    fn pass(
        &self,
        phase: &Phase,
        network: &Network,
        masks: &Masks,
        mut optimizer: Option<&mut Optimizer>,
        (index, epoch): (usize, usize),
        watch: &mut dyn Watch,
    ) -> Result<Pass, Error> {
        let (graph, device) = (network.graph(), network.device());
        let gates = match phase.budgets {
            Some(_) => Gates::tracked(graph, masks, device),
            None => Gates::of(graph, masks, device),
        };
        let mode = if optimizer.is_some() { Mode::Train } else { Mode::Evaluate };
        let all_kept = Gates::of(graph, &Masks::all_kept(graph), device);
        let alphas: Vec<&Tensor> = if phase.budgets.is_some() { gates.alphas().collect() } else { Vec::new() };
        let mut sensitivity: Vec<Tensor> = no_grad(|| alphas.iter().map(|a| a.detach().zeros_like()).collect());
        let weights: Vec<&Tensor> = network.trainable().map(|(_, tensor)| tensor).collect();
        let wanted: Vec<&Tensor> = match optimizer {
            Some(_) => weights.iter().chain(&alphas).copied().collect(),
            None => alphas.clone(),
        };
        let order = Order { seed: self.seed, phase: index, epoch, augment: phase.augment };
        let rate = phase.rate_at(epoch.saturating_sub(1));
        let count = self.train.len().div_ceil(phase.batch);
        let (mut total, mut right, mut seen) = (0.0, 0, 0);
        for (number, batch) in batches(self.train, self.normalisation, phase.batch, order, device).enumerate() {
            let teacher = self.teacher.filter(|_| phase.distil);
            let answers = teacher.map(|t| no_grad(|| t.forward(&batch.images, &all_kept, Mode::Evaluate)));
            let logits = network.forward(&batch.images, &gates, mode);
            let loss = loss(&logits, &batch.labels, answers.as_ref());
            let mut gradients = Tensor::run_backward(&[&loss], &wanted, false, false);
            let of_alphas = gradients.split_off(gradients.len() - alphas.len());
            no_grad(|| {
                for ((sum, alpha), gradient) in sensitivity.iter_mut().zip(&alphas).zip(of_alphas) {
                    // The penalty's gradient is its weight times alpha's sign, and alpha is 0 or 1.
                    let _ = sum.g_add_(&(gradient + ALPHA_PENALTY * alpha.detach()).abs());
                }
            });
            if let Some(optimizer) = optimizer.as_deref_mut() {
                optimizer.step(network, &gradients, rate);
            }
            let size = batch.labels.size()[0];
            total += loss.double_value(&[]) * size as f64;
            right += correct(&logits, &batch.labels);
            seen += size;
            watch.batch(Progress {
                phase: &phase.name,
                epoch,
                epochs: phase.epochs,
                batch: number + 1,
                batches: count,
                loss: total / seen as f64,
                accuracy: right as f64 / seen as f64,
            });
        }
        Ok(Pass { loss: total / seen as f64, accuracy: right as f64 / seen as f64, sensitivity })
    }
}

/// The masks that keep each layer's most sensitive units.
fn chosen(graph: &Graph, sensitivity: &[Tensor], budgets: &[usize]) -> Masks {
    let mut masks = Masks::all_kept(graph);
    for ((layer, sums), budget) in graph.activations().zip(sensitivity).zip(budgets) {
        masks.set(layer.name, select::top(layer.shape, &values(sums), *budget));
    }
    masks
}

//! The layers' Shapley values as a table and as a picture.

use super::agreement::Agreement;
use super::shapley::{Shapley, Walk, evaluations};
use super::values::{ShapleyRecord, ShapleySettings, shapley_values};
use crate::Error;
use crate::train::{check_images, check_teacher, set_threads};
use crate::watch::Watch;
use models::checkpoint::Checkpoint;
use models::data::DataSource;
use models::disk::write_atomically;
use results::pictures::{Valued, Words, values};
use std::path::Path;

/// Name of the picture in the output folder, beside [`super::SHAPLEY_FILE`].
pub const PICTURE_FILE: &str = "shapley.svg";

/// Measures the layers of `teacher` on the images that it was trained without (or reads what is in `out` already), and
/// writes record and picture into `out`.
pub fn report(
    settings: &ShapleySettings,
    threads: usize,
    teacher: &Checkpoint,
    source: &DataSource,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<ShapleyRecord, Error> {
    check_teacher(teacher, source)?;
    settings.check(teacher)?;
    if threads == 0 {
        return Err(Error::config("threads", "at least 1", "0"));
    }
    results::check_room(out)?;
    set_threads(threads);
    let held_out = source.held_out(teacher.meta.seed, usize::MAX)?;
    check_images(&teacher.graph, &held_out)?;
    let record = shapley_values(settings, teacher, &held_out, out, watch)?;
    write_atomically(&out.join(PICTURE_FILE), picture(&record, &teacher.meta.net).as_bytes())?;
    Ok(record)
}

/// A line a layer, then what was measured.
pub fn table(record: &ShapleyRecord) -> String {
    layer_lines(record).chain([String::new()]).chain(totals(record)).map(|line| line + "\n").collect()
}

/// An exact walk leaves nothing out, so its values are shown beside those of the trimmed walk.
fn layer_lines(record: &ShapleyRecord) -> impl Iterator<Item = String> {
    let trimmed = record.agreement.as_ref().map(|agreement| &agreement.trimmed);
    let partial = trimmed.unwrap_or(&record.result);
    let width = record.layers.iter().map(|layer| layer.chars().count()).fold("layer".len(), usize::max);
    let third = if trimmed.is_some() { "  trimmed walk" } else { "" };
    let head = format!("{:width$}    units     phi{third}  weight trimmed  bound", "layer");
    let line = move |(index, layer): (usize, &String)| {
        let third = trimmed.map_or_else(String::new, |trimmed| format!("  {:12.2}", trimmed.phi[index]));
        let (size, phi) = (record.sizes[index], record.result.phi[index]);
        let (weight, bound) = (partial.trimmed[index], partial.bound[index]);
        format!("{layer:width$}  {size:7}  {phi:6.2}{third}  {weight:14.3}  {bound:5.2}")
    };
    [head].into_iter().chain(record.layers.iter().enumerate().map(line))
}

fn totals(record: &ShapleyRecord) -> Vec<String> {
    let Shapley { phi, full, empty, .. } = &record.result;
    let (layers, images) = (record.layers.len(), record.settings.images);
    let time = record.seconds.map_or_else(|| "not recorded".to_owned(), |seconds| format!("{seconds:.1} s"));
    let mut lines = vec![
        format!("utility         U(N) = {full:.2} %, U(empty) = {empty:.2} %, on {images} held-out images"),
        format!("sum of phi      {:.2} of U(N) - U(empty) = {:.2}", phi.iter().sum::<f64>(), full - empty),
        format!("evaluations     {}", counted(layers, record.walk, &record.result)),
        format!("multiply-adds   {:.1} % of those of one evaluation at a time", 100.0 * record.work),
        format!("dropped weight  {}", dropped(record.walk, &record.result)),
        format!("time            {time}"),
    ];
    if let Some(Agreement { walk, trimmed, share_difference, rank_correlation }) = &record.agreement {
        let number =
            |value: &Option<f64>| value.map_or("undefined".to_owned(), |value| format!("{value:.4}"));
        let (difference, correlation) = (number(share_difference), number(rank_correlation));
        lines.extend([
            format!("trimmed walk    evaluations {}", counted(layers, *walk, trimmed)),
            format!("                dropped weight {}", dropped(*walk, trimmed)),
            format!("                budget shares differ by at most {difference}, Spearman {correlation}"),
        ]);
    }
    if record.walk.threshold.is_some_and(|threshold| *full < threshold) {
        let told =
            "U(N) is below the threshold, so nothing tells the layers apart: train the network further";
        lines.push(told.to_owned());
    }
    lines
}

fn counted(layers: usize, walk: Walk, result: &Shapley) -> String {
    let all = evaluations(layers, None);
    let reach = match walk.depth.filter(|depth| *depth < layers) {
        Some(depth) => format!(", at most {} to depth {depth}", evaluations(layers, Some(depth))),
        None => String::new(),
    };
    format!("{} of {all}{reach}", result.evaluations)
}

fn dropped(walk: Walk, result: &Shapley) -> String {
    let least = result.trimmed.iter().copied().fold(f64::INFINITY, f64::min);
    let most = result.trimmed.iter().copied().fold(0.0, f64::max);
    match walk.threshold {
        None => format!("{:.3} beyond the depth", result.capped),
        Some(threshold) => {
            format!("{:.3} beyond the depth, {least:.3} to {most:.3} below {threshold:.1} %", result.capped)
        }
    }
}

/// A bar a layer, with the interval of its exact value as a whisker, or around exact values that of the trimmed walk.
fn picture(record: &ShapleyRecord, net: &str) -> String {
    let result = &record.result;
    let partial = record.agreement.as_ref().map_or(result, |agreement| &agreement.trimmed);
    let first = format!(
        "Accuracy is {:.2} % with all layers and {:.2} % with none; the values sum to {:.2}. {} of {} coalitions measured.",
        result.full,
        result.empty,
        result.phi.iter().sum::<f64>(),
        result.evaluations,
        evaluations(record.layers.len(), None)
    );
    let walk = record.agreement.as_ref().map_or(record.walk, |agreement| agreement.walk);
    let (second, interval) = match &record.agreement {
        Some(_) => ("Bars are exact. Whiskers: where the trimmed walk alone would put them", "trimmed walk"),
        None => ("Whiskers: where the exact values lie", "exact within"),
    };
    let third = format!(
        "The walk: coalitions that lack up to {} layers, nothing looked at below one of less than {:.1} %.",
        walk.depth.unwrap_or(record.layers.len()),
        walk.threshold.unwrap_or(0.0)
    );
    let subtitles = [first, format!("{second}, if adding a layer never lowers accuracy."), third];
    let title = format!("Shapley values of the activation layers of {net}");
    let words = Words {
        title: &title,
        subtitles: &subtitles,
        name: "layer",
        value: "phi",
        interval,
        axis: "percent of accuracy",
    };
    let rows: Vec<Valued<'_>> = (0..record.layers.len())
        .map(|index| Valued {
            name: &record.layers[index],
            value: result.phi[index],
            interval: (partial.phi[index], partial.phi[index] + partial.bound[index]),
        })
        .collect();
    values(&words, &rows)
}

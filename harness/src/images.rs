//! What is said and refused of a network's images, before it runs.

use crate::error::Error;
use models::data::{DataSource, Dataset};
use models::graph::Graph;

/// Says on standard error what whoever reads a result should know of a data set's files.
pub(crate) fn tell_remarks(source: &DataSource) -> Result<(), Error> {
    source.remarks()?.iter().for_each(|remark| eprintln!("note: {remark}"));
    Ok(())
}

/// Errors unless the images have the network's size and its number of classes.
pub(crate) fn check_fit(graph: &Graph, images: &Dataset) -> Result<(), Error> {
    let (wanted, found) = ((graph.input(), graph.classes()), (images.shape(), images.classes()));
    if wanted == found {
        return Ok(());
    }
    Err(Error::Option {
        option: "--data",
        expected: format!("images of {} in {} classes, as the network has", wanted.0, wanted.1),
        found: format!("images of {} in {} classes ({})", found.0, found.1, images.name()),
    })
}

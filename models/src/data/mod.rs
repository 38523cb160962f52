//! Labelled images: the embedded `shapes` set and CIFAR's binary files.

# An image with `linnet` and `linnet-train`, for `linnet launch --kubernetes --image IMAGE` and for `docker run`.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" --tag linnet .
#   docker run --rm --volume "$PWD:/work" --user "$(id -u):$(id -g)" linnet sweep studies/shapes.toml --quick
#
# CI builds it where docker or podman is there, and elsewhere checks this file (hadolint, and that what is copied is there).
#
# Pods of `linnet launch` call `linnet` from a POSIX shell, with the claim's volume at /work as their folder. They run as user 10001,
# for whom that volume has to be writable. Both programs choose their kernels by the processor they find.

FROM rust:1.95-bookworm AS builder
WORKDIR /build
# For `cargo xtask setup`, which fetches libtorch with pip.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY . .
# Where libtorch lies is written into linnet-train, so it lies at the same place in the image below.
RUN cargo xtask setup && mv .libtorch /opt/libtorch
ENV LIBTORCH=/opt/libtorch
RUN cargo build --release --locked --package harness --package train

FROM debian:bookworm-slim
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Linnet" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /opt/libtorch/lib /opt/libtorch/lib
# `linnet` looks for `linnet-train` beside itself.
COPY --from=builder /build/target/release/linnet /build/target/release/linnet-train /usr/local/bin/
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/linnet/
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin linnet \
    && install --directory --owner linnet /work \
    && linnet --version \
    && linnet-train --help > /dev/null
WORKDIR /work
USER 10001
ENTRYPOINT ["linnet"]
CMD ["--help"]

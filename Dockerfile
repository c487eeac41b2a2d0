# syntax=docker/dockerfile:1
# The sync server. Build: docker build -t memoryvault-server .
# Run:   docker run -p 8443:8443 -v memoryvault:/data memoryvault-server
# Users: docker exec -i CONTAINER memoryvault-server user add NAME   (the password comes on standard input)

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The image's own toolchain, whatever rust-toolchain.toml would fetch.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    RUSTUP_TOOLCHAIN="$RUST_VERSION" cargo build --release --locked -p server --bin memoryvault-server \
    && install -D -m 0755 target/release/memoryvault-server /out/memoryvault-server

FROM debian:bookworm-slim
RUN groupadd --system --gid 10001 memoryvault \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin memoryvault \
    && install -d -m 0700 -o memoryvault -g memoryvault /data
COPY --from=build /out/memoryvault-server /usr/local/bin/memoryvault-server
USER 10001:10001
ENV MEMORYVAULT_DATA=/data \
    MEMORYVAULT_LISTEN=0.0.0.0:8443
VOLUME /data
EXPOSE 8443
STOPSIGNAL SIGTERM
# Reads the same variables as the server, TLS files included.
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 \
    CMD ["memoryvault-server", "healthcheck"]
ENTRYPOINT ["memoryvault-server"]

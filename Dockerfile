# Build: the C compiler is for aws-lc and SQLite, which are compiled in.
FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock schema.sql ./
COPY .cargo ./.cargo
COPY src ./src
COPY examples ./examples
COPY tests ./tests
RUN cargo build --release --locked --bin refund-receiver

# Run: nothing but the program, as a user without rights. Config at /etc/refund-receiver, data at /data.
FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data refund-receiver \
    && mkdir /data \
    && chown refund-receiver /data
COPY --from=build /build/target/release/refund-receiver /usr/local/bin/refund-receiver
USER 10001
VOLUME /data
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["refund-receiver", "healthcheck", "--url", "http://127.0.0.1:8081/readyz"]
ENTRYPOINT ["refund-receiver"]
CMD ["serve", "--config", "/etc/refund-receiver/refunds.toml"]

# Build: the C compiler is for aws-lc and SQLite, which are compiled in.
FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock schema.sql ./
COPY .cargo ./.cargo
COPY deploy/build ./deploy/build
COPY examples ./examples
COPY src ./src
COPY templates ./templates
COPY assets ./assets
COPY tests ./tests
RUN deploy/build /image

# Run: nothing but the program, as an unprivileged user. Config at /etc/refund-receiver, data at /data.
FROM debian:bookworm-slim
COPY --from=build /image /
COPY --from=build --chown=10001:10001 /image/data /data
USER 10001:10001
VOLUME /data
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["refund-receiver", "healthcheck", "--url", "http://127.0.0.1:8081/readyz"]
ENTRYPOINT ["refund-receiver"]
CMD ["serve", "--config", "/etc/refund-receiver/refunds.toml"]

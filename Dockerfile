# One image, both roles: `aisle cloud --config …`, `aisle node --config …`.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential curl ca-certificates gnupg \
 && curl -fsSL https://deb.nodesource.com/setup_22.x | bash - && apt-get install -y --no-install-recommends nodejs
WORKDIR /src
COPY . .
RUN cargo build --release --locked && cp target/release/aisle /usr/local/bin/aisle

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --home-dir /var/lib/aisle --create-home aisle && install -d -o aisle -g aisle /config /authority
COPY --from=build /usr/local/bin/aisle /usr/local/bin/aisle
USER aisle
VOLUME ["/var/lib/aisle", "/config", "/authority"]
ENTRYPOINT ["aisle"]

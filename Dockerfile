# One image with both binaries; which one runs is the pod's `command`.

FROM swift:6.3.1-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libcurl4-openssl-dev libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
RUN swift build --configuration release --static-swift-stdlib --product cluster-agent \
    && swift build --configuration release --static-swift-stdlib --product node-agent \
    && mkdir /out \
    && cp "$(swift build --configuration release --show-bin-path)"/cluster-agent \
        "$(swift build --configuration release --show-bin-path)"/node-agent /out/ \
    && strip /out/cluster-agent /out/node-agent

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libcurl4 libssl3 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 cluster-agent \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cluster-agent
COPY --from=build /out/cluster-agent /out/node-agent /usr/local/bin/
USER 10001:10001
EXPOSE 5000 5005 5555
CMD ["/usr/local/bin/cluster-agent", "run"]

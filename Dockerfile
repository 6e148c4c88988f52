# One image with both programs; the pod's `command` selects one. It has no shell and no package manager.

FROM swift:6.3.1-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils ca-certificates libcurl4-openssl-dev libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
# Package.swift declares the test targets, so a build needs their folders. The programs contain nothing of them.
COPY Tests Tests
RUN swift build --configuration release --static-swift-stdlib --product cluster-agent \
    && swift build --configuration release --static-swift-stdlib --product node-agent
# The root of the image: the programs, the shared libraries they load with their loader, CA certificates and one user.
RUN mkdir --parents /image/usr/local/bin /image/etc/ssl/certs \
    && cd "$(swift build --configuration release --show-bin-path)" \
    && install --strip cluster-agent node-agent /image/usr/local/bin \
    && ! ldd cluster-agent node-agent | grep 'not found' \
    && ldd cluster-agent node-agent | awk '$2 == "=>" { print $3 } $1 ~ /^\// && NF == 2 { print $1 }' | sort --unique \
        | grep '^/' | xargs cp --parents --dereference --target-directory=/image \
    && cp --dereference /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && echo 'cluster-agent:x:10001:10001::/nonexistent:/nonexistent' >/image/etc/passwd \
    && echo 'cluster-agent:x:10001:' >/image/etc/group \
    && echo 'hosts: files dns' >/image/etc/nsswitch.conf

FROM scratch
LABEL org.opencontainers.image.title="cluster-agent" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
# glibc caches up to seven freed blocks of each size per thread. For the larger sizes these keep about a megabyte of pages in use.
ENV GLIBC_TUNABLES=glibc.malloc.tcache_max=128
USER 10001:10001
EXPOSE 5000 5005 5555
ENTRYPOINT ["/usr/local/bin/cluster-agent"]
CMD ["run"]

# ipsec-gw as a container: built and tested in clean Debian roots, run in one without compilers.
#
#   docker build -t ipsec-gw .                                     for this machine
#   docker buildx build --platform linux/arm64,linux/amd64 -t ipsec-gw .
#   docker build --target test .                                   runs the short tests in the image
#
# How to run it, with huge pages, devices and capabilities: README.md, "Install".

FROM debian:12 AS build
WORKDIR /src
COPY . .
RUN tools/container build

FROM build AS test
ARG TEST_ARGS="--quick"
RUN tools/test ${TEST_ARGS}

FROM debian:12-slim AS runtime
COPY --from=build /src/build/packages /tmp/packages
COPY tools/container /tmp/container
RUN /tmp/container runtime /tmp/packages
ENV RUNTIME_DIRECTORY=/run/ipsec-gw
# Ports that the process makes itself (memif, ring, null) need no privileges. NICs and kernel interfaces do: --user root and the capabilities.
USER ipsec-gw
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["gwctl", "stats"]
ENTRYPOINT ["ipsec-gw"]
CMD ["--lcores=0@0,1@0", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry", "--vdev=net_null0,no-rx=1", "--vdev=net_null1,no-rx=1", "--", "--config", "/etc/ipsec-gw/ipsec-gw.cfg"]

# The one list of Debian packages this project needs, and how they get installed. Sourced by tools/quickstart and tools/test.
# shellcheck shell=bash

# package | group | why
# Groups: build (compile and link everything), lab (namespaces, hosts and captures), peer (strongSwan), check (compilers and tools of the test suites),
# bench (peers to be compared with), arm64 (the cross build), package (Debian packages).
deps_list() {
  cat <<'LIST'
g++                 | build | the C++20 compiler of the release build
meson               | build | the build system
ninja-build         | build | meson's back end
pkg-config          | build | how meson finds libraries
python3             | build | meson, the layer check and the commands under tools/
libdpdk-dev         | build | DPDK: poll-mode drivers, headers and libraries
libssl-dev          | build | OpenSSL's libcrypto: the engine that works everywhere
libconfig++-dev     | build | the configuration file's syntax
prometheus-cpp-dev  | build | the text format of metrics
libmicrohttpd-dev   | build | HTTP of the metrics, on loopback and on a Unix socket
scdoc               | package | manual pages
libsystemd-dev      | build | readiness and watchdog of the systemd service
nlohmann-json3-dev  | build | JSON of gwctl and the control socket
libgtest-dev        | build | GoogleTest
libgmock-dev        | build | GoogleMock
libbenchmark-dev    | build | Google Benchmark, for bench/micro
iproute2            | lab   | network namespaces and veth pairs
ethtool             | lab   | checksum and segmentation offloads of veth, which af_packet must not see
iputils-ping        | lab   | ping
iperf3              | lab   | TCP through the tunnel
nftables            | peer  | a NAT that a test has in hand
tcpdump             | lab   | capture on the wire between the gateways
charon-systemd      | peer  | strongSwan's daemon: another implementation of IKE to talk to
strongswan-swanctl  | peer  | configures and asks it
libcharon-extra-plugins | peer  | kernel-libipsec: its ESP in user space, as kernels may have none
libstrongswan-standard-plugins | peer  | curve25519 and AES-GCM for it
libstrongswan-extra-plugins | peer  | AES-CTR and ChaCha20-Poly1305 for it
tshark              | check | decrypts captured ESP: an independent oracle
bash-completion     | check | gwctl's completion, tried
man-db              | check | reads the manual pages
scdoc               | check | manual pages
prometheus          | check | Debian's own, which scrapes a gateway; promtool
curl                | check | asks the metrics and Prometheus
openssl             | check | tools/test-ca: certificates for trying IKE out, and for its tests
python3-scapy       | check | builds and opens ESP packets: an independent oracle
clang               | check | the second compiler; address and undefined-behaviour sanitizers
libclang-rt-14-dev  | check | clang's sanitizer run time
dpdk-dev            | check | dpdk-test: DPDK's own suite for ports that do IPsec themselves; dpdk-testpmd
dpdk-doc            | bench | ipsec-secgw's source, the peer tools/bench-peers builds
make                | bench | ipsec-secgw's build
python3-cryptography | bench | seals the packets of tools/bench-peers: nothing of the gateway's code
lua5.4              | check | runs the Pktgen scripts of bench/pktgen against a stand-in
xz-utils            | check | unpacks DPDK's source package, which has the driver headers
binutils            | check | objdump: looks for process-wide objects
debootstrap         | check | clean Debian roots: that what the README says is enough
dpkg-dev            | package | which packages the programs' libraries are in
xz-utils            | package | DPDK's source package, which has the driver headers
g++-aarch64-linux-gnu | arm64 | the cross compiler
qemu-user-static    | arm64 | runs arm64 programs, so the tests run on any machine
xz-utils            | arm64 | unpacks DPDK's source package, which has the driver headers
LIST
}

# deps_missing GROUP...: prints the packages of the groups that are not installed, one per line.
deps_missing() {
  local package group why wanted=" $* "
  while IFS='|' read -r package group why; do
    package=${package// /} group=${group// /}
    [[ $wanted == *" $group "* ]] || continue
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done < <(deps_list)
}

deps_apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# deps_ensure GROUP...: installs what is missing. Status 1 when something is still missing, with what to do on stderr.
deps_ensure() {
  local missing log
  mapfile -t missing < <(deps_missing "$@")
  ((${#missing[@]})) || return 0
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "not a Debian system: needed are ${missing[*]} (or what your distribution calls them)" >&2
    return 1
  fi
  if ((EUID != 0)); then
    {
      echo "not installed: ${missing[*]}"
      echo "  as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    } >&2
    return 1
  fi
  echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
  log=$(mktemp)
  # Without lists, or with old ones, the install fails: fetch them and try again.
  if compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null && deps_apt install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  if deps_apt update >>"$log" 2>&1 && deps_apt install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  tail -n 15 "$log" >&2
  rm -f "$log"
  echo "could not install: ${missing[*]}" >&2
  return 1
}

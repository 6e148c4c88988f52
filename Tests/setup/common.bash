# Functions shared by the scripts in this folder. Sourced, never run.

set -euo pipefail
shopt -s inherit_errexit

readonly program="${program:-${0##*/}}"

# Built and unpacked programs are cached here, outside the checkout, so that a new clone can use them.
readonly cache="${CLUSTER_AGENT_CACHE:-/var/cache/cluster-agent}"

say() {
    printf '%s: %s\n' "$program" "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# Sleeps without starting a process, and wakes on a signal: nothing is ever written to the pipe it reads from.
pause() {
    [[ -n ${never:-} ]] || exec {never}<> <(:)
    read -r -t "$1" -u "$never" _ || true
}

# Prints a port below the kernel's ephemeral range on which nothing listens now.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 8<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
    die "found no free port on 127.0.0.1 in 100 tries"
}

# spawn LOG COMMAND...: starts the command in the background, as $!. The kernel stops it when this shell dies for any reason.
spawn() {
    local log=$1
    shift
    setpriv --pdeathsig TERM "$@" </dev/null >>"$log" 2>&1 &
}

# end PID: sends SIGTERM, and SIGKILL after 10 seconds.
end() {
    local pid=$1 start=$SECONDS
    kill -TERM "$pid" 2>/dev/null || true
    # A stopped process does not handle SIGTERM.
    kill -CONT "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
        ((SECONDS - start < 10)) || kill -KILL "$pid" 2>/dev/null || true
        pause 0.05
    done
    wait "$pid" 2>/dev/null || true
}

# Exits with a message that says what to do, unless run as root.
need_root() {
    ((EUID == 0)) || die "$1 needs root: run it as root, or with sudo"
}

need_debian() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
        die "this needs Debian 12, and apt-get was not found; install by hand what Tests/README.md lists"
}

# Runs apt-get without prompts, and waits for dpkg's lock.
apt() {
    DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 -o DPkg::Lock::Timeout=900 -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 "$@"
}

# Updates the package lists. DPkg::Lock::Timeout does not cover their lock, hence the loop. A source that cannot be read is
# not an error: what matters is whether the wanted package is found afterwards.
apt_update() {
    local output
    for _ in {1..180}; do
        if output=$(apt "$@" update 2>&1); then
            return 0
        fi
        if [[ $output != *"Could not get lock"* ]]; then
            say "warning: apt-get update: ${output##*$'\n'}"
            return 0
        fi
        sleep 5
    done
    die "apt-get update: another program has held the lock of the package lists for 15 minutes; end it and try again"
}

# Prints the given packages that are not installed.
missing_packages() {
    local name
    for name in "$@"; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
            printf '%s\n' "$name"
    done
}

# Installs the given Debian packages. Does nothing, and needs no root, if all are installed.
install_packages() {
    local missing
    need_debian
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    need_root "installing Debian packages (${missing[*]})"
    say "installing ${missing[*]}"
    apt_update
    quietly "apt-get could not install ${missing[*]}" apt install --yes --no-install-recommends "${missing[@]}"
}

# quietly MESSAGE COMMAND...: if the command fails, shows its output and exits with the message.
quietly() {
    local message=$1 output
    shift
    output=$("$@" 2>&1 </dev/null) || {
        printf '%s\n' "$output" | tail --lines=40 >&2
        die "$message; see its output above"
    }
}

# Downloads a Debian package and unpacks it into a directory, without installing it, so that no service starts.
unpack_package() {
    local name=$1 directory=$2
    mkdir -p "$directory"
    chmod 755 "$directory"
    apt_update
    cd "$directory"
    quietly "apt-get could not download $name, a package of Debian 12 (bookworm)" \
        apt -o APT::Sandbox::User=root download "$name"
    cd - >/dev/null
    dpkg-deb --extract "$directory/$name"_*.deb "$directory"
}

# Sets `toolchain` to the directory that holds bin/swift.
find_toolchain() {
    local swift
    swift=$(command -v swift) || die "swift is not in PATH: install the Swift toolchain first"
    toolchain=$(dirname "$(dirname "$(readlink --canonicalize "$swift")")")
    [[ $toolchain != /usr ]] ||
        die "the Swift toolchain is installed in /usr; this needs one in its own directory, such as /opt/swift/usr"
}

# Prints the machine's Debian package sources as `deb` lines.
package_sources() {
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
        sort --unique
}

# make_debian_root DIR PACKAGE...: makes a bare Debian 12 with these packages and this machine's package sources.
make_debian_root() {
    local root=$1 release=bookworm mirror include
    shift
    mirror=$(package_sources | awk -v release="$release" '$3 == release { print $2; exit }')
    [[ -n $mirror ]] || die "apt has no source for Debian 12 ($release) on this machine"
    include=$(IFS=,; printf %s "$*")
    quietly "debootstrap failed" debootstrap --variant=minbase --include="$include" "$release" "$root" "$mirror"
    package_sources >"$root/etc/apt/sources.list"
    # How this machine reaches its mirror: proxy, certificates, timeouts.
    apt-config dump | grep '^Acquire::' | grep --invert-match '^Acquire::IndexTargets' \
        >"$root/etc/apt/apt.conf.d/90machine" || true
    cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
    if [[ -d /usr/local/share/ca-certificates ]]; then
        cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
    fi
}

# make_once FILE FUNCTION: runs a function that makes a file or folder in the cache, once. The function gets a scratch
# directory and must leave its result there as `result`. Concurrent callers wait for the first.
make_once() {
    local file=$1 make=$2 scratch
    if [[ ! -x $file ]]; then
        mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]] ||
            die "cannot write to the cache $cache: run as root, or set CLUSTER_AGENT_CACHE to a directory that you can write to"
        (
            exec 9>"$file.lock"
            flock --exclusive --timeout 3600 9 || die "waited an hour for the lock $file.lock"
            [[ ! -x $file ]] || exit 0
            scratch=$(mktemp --directory "$cache/scratch.XXXXXXXX")
            # Go marks the directories of its module cache read-only.
            trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
            trap 'exit 130' INT TERM
            "$make" "$scratch"
            chmod 755 "$scratch/result"
            mv "$scratch/result" "$file"
        )
    fi
    printf '%s\n' "$file"
}

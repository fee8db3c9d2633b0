# shellcheck shell=bash
# What the scripts share. Sourced; the caller has set -euo pipefail.
#
# Settings come from the environment, else from .env in the repository's root, else from what was generated into the run folder, else from the defaults
# here. They are gathered in SET, written to <run>/meetpool.env and taken out of the environment, so that every program of the stack reads one file.
#
# For the tests only: MEETPOOL_BIN_DIR names a folder of programs to use as they are (nothing is installed or built), MEETPOOL_ENV_FILE another .env.

# Servers are in sbin, which a plain user's PATH leaves out.
PATH=$PATH:/usr/sbin:/sbin
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

PACKAGES_UP=(gcc make autoconf automake libtool pkg-config libc6-dev libfcgi-dev libcurl4-openssl-dev libjson-c-dev libmariadb-dev libssl-dev libjwt-dev
    libmicrohttpd-dev nginx mariadb-server mariadb-client openssl curl ca-certificates tzdata procps)
PACKAGES_TEST=(libcmocka-dev libical-dev python3 python3-pytest python3-requests python3-jsonschema python3-pymysql python3-jwt python3-cryptography
    python3-icalendar python3-oauthlib python3-prometheus-client python3-yaml wrk swift-account swift-container swift-object swift-proxy)

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "${0##*/}: $*"
    exit 1
}

# ---- settings ----

declare -A SET=()

is_setting() {
    [[ $1 =~ ^(ZOOM_[A-Z0-9_]+|MEETPOOL_[A-Z0-9_]+|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|REGION|ENDPOINT_URL_S3)|BUCKET_NAME)$ ]]
}

# The text between double quotes, up to the closing one, with \n \t \" \\ \$ undone. Leaves it in REPLY.
unquote() {
    local text=$1 i c
    REPLY=
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $c in
        '"') return 0 ;;
        \\)
            i=$((i + 1))
            case ${text:i:1} in
            n) REPLY+=$'\n' ;;
            t) REPLY+=$'\t' ;;
            *) REPLY+=${text:i:1} ;;
            esac
            ;;
        *) REPLY+=$c ;;
        esac
    done
    return 1
}

# read_env FILE NAME: adds the lines KEY=value of FILE to the array called NAME. The same syntax as meetpoold --config.
read_env() {
    local -n into=$2
    local line key value number=0
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        line=${line%$'\r'}
        [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
        [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || die "${1##*/}: line $number is not KEY=value"
        key=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
        case $value in
        \"*) unquote "${value:1}" || die "${1##*/}: line $number: the closing quote is missing" && value=$REPLY ;;
        \'*\'*) value=${value:1} && value=${value%%\'*} ;;
        *) value=${value%%[[:space:]]#*} && value=${value%"${value##*[![:space:]]}"} ;;
        esac
        into[$key]=$value
    done <"$1"
}

# write_env NAME FILE: the array called NAME as a file that only its owner reads. In one step, so that no reader sees half of it.
write_env() {
    local -n from=$1
    local key value
    for key in $(printf '%s\n' "${!from[@]}" | LC_ALL=C sort); do
        value=${from[$key]//\\/\\\\}
        value=${value//\"/\\\"}
        value=${value//\$/\\\$}
        value=${value//$'\n'/\\n}
        printf '%s="%s"\n' "$key" "$value"
    done | (umask 077 && cat >"$2.new")
    mv "$2.new" "$2"
}

# Fills SET from .env and the environment (which wins; an empty value counts as unset), and the places that follow from it.
load_settings() {
    local name file=${MEETPOOL_ENV_FILE:-$REPO/.env}
    local -A given=()
    [[ -f $file ]] && read_env "$file" given
    for name in $(compgen -e); do
        is_setting "$name" || continue
        [[ -n ${!name} ]] && given[$name]=${!name}
        unset "$name"
    done
    for name in "${!given[@]}"; do
        [[ -n ${given[$name]} ]] && is_setting "$name" && SET[$name]=${given[$name]}
    done
    [[ -z ${SET[MEETPOOL_PUBLIC_URL]:-} ]] || SET[MEETPOOL_PUBLIC_URL]=${SET[MEETPOOL_PUBLIC_URL]%/}
    take_own_settings
}

# The settings that are for the scripts, not for the daemon, leave SET.
take_own_settings() {
    RUN=${SET[MEETPOOL_RUN_DIR]:-$REPO/run}
    PORT=${SET[MEETPOOL_PORT]:-8443}
    HTTP_PORT=${SET[MEETPOOL_HTTP_PORT]:-8080}
    SANDBOX_PORT=${SET[MEETPOOL_SANDBOX_PORT]:-8490}
    BIN=${SET[MEETPOOL_BIN_DIR]:-$REPO/build}
    BIN_GIVEN=${SET[MEETPOOL_BIN_DIR]:+yes}
    unset 'SET[MEETPOOL_RUN_DIR]' 'SET[MEETPOOL_PORT]' 'SET[MEETPOOL_HTTP_PORT]' 'SET[MEETPOOL_SANDBOX_PORT]' 'SET[MEETPOOL_BIN_DIR]' \
        'SET[MEETPOOL_ENV_FILE]'
    [[ $RUN == /* ]] || RUN=$PWD/$RUN
    RUN=$(realpath -m -- "$RUN")
    BIN=$(realpath -m -- "$BIN")
    ((${#RUN} <= 90)) || die "MEETPOOL_RUN_DIR is too long: a unix socket's path holds 107 bytes, so the folder's at most 90"
    [[ $RUN != *[\"\$\\]* ]] || die "MEETPOOL_RUN_DIR holds a quote, a dollar or a backslash: choose another folder"
    local name
    for name in PORT HTTP_PORT SANDBOX_PORT; do
        [[ ${!name} =~ ^[1-9][0-9]{0,4}$ && ${!name} -le 65535 ]] || die "MEETPOOL_$name is no port: give a number from 1 to 65535"
    done
}

any_set() {
    local name
    for name in "${!SET[@]}"; do
        [[ $name =~ $1 ]] && return 0
    done
    return 1
}

has_own_zoom() {
    any_set '^ZOOM_((ACCOUNT_ID|CLIENT_ID|CLIENT_SECRET)(_[0-9]+)?|OAUTH_CLIENT_ID|OAUTH_CLIENT_SECRET|API_URL|OAUTH_URL)$'
}

has_own_database() {
    any_set '^MEETPOOL_DB_'
}

# ---- packages ----

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    else
        command -v sudo >/dev/null || die "packages are missing (${MISSING[*]}) and there is no sudo: install them as root, then call again"
        sudo "$@"
    fi
}

# Any of the packages that are nginx will do.
installed() {
    local state
    [[ $1 == nginx && -x /usr/sbin/nginx ]] && return 0
    state=$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) && [[ $state == installed ]]
}

# Installs what is missing. No service is started by that: the stack brings its own servers, and a system's own are none of its business.
install_packages() {
    local package unit policy=/usr/sbin/policy-rc.d made_policy=
    MISSING=()
    for package in "$@"; do
        installed "$package" || MISSING+=("$package")
    done
    ((${#MISSING[@]})) || return 0
    say "installing ${MISSING[*]}"
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        made_policy=yes
    fi
    local log failed=
    log=$(mktemp)
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -ec '
        apt-get update -qq -o DPkg::Lock::Timeout=500
        apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=500 "$@"' sh "${MISSING[@]}" >"$log" 2>&1 </dev/null || failed=yes
    [[ -z $made_policy ]] || as_root rm -f $policy
    if [[ -n $failed ]]; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install them (above): mend that, then call again"
    fi
    rm -f "$log"
    if [[ -d /run/systemd/system ]]; then
        for package in "${MISSING[@]}"; do
            case $package in
            nginx) unit=nginx ;;
            mariadb-server) unit=mariadb ;;
            swift-*) unit=$(dpkg -L "$package" | sed -n 's|^/lib/systemd/system/\(swift[a-z-]*\)[.]service$|\1|p') ;;
            *) continue ;;
            esac
            # shellcheck disable=SC2086 # one word a unit
            as_root systemctl disable --quiet $unit 2>/dev/null || true
        done
    fi
}

# ---- building ----

# build_tree FOLDER MAKE-TARGET CONFIGURE-OPTION…: out of tree, only what changed. One at a time: all trees share what autoreconf makes.
build_tree() {
    local folder=$1 target=$2
    shift 2
    mkdir -p "$REPO/build" "$folder"
    if ! (
        exec 8>"$REPO/build/.lock"
        flock 8
        make_tree "$folder" "$target" "$@"
    ) >"$folder/build.log" 2>&1 </dev/null; then
        tail -n 40 "$folder/build.log" >&2
        die "the build failed; all of it is in ${folder#"$REPO"/}/build.log"
    fi
}

make_tree() {
    local folder=$1 target=$2
    shift 2
    if [[ ! -x $REPO/configure || $REPO/configure.ac -nt $REPO/configure || ! -f $REPO/Makefile.in ]]; then
        (cd "$REPO" && ./autogen.sh) || return 1
    fi
    if [[ ! -f $folder/Makefile || $(cat "$folder/.options" 2>/dev/null) != "$*" ]]; then
        (cd "$folder" && "$REPO/configure" --quiet "$@") || return 1
        printf '%s\n' "$*" >"$folder/.options"
    fi
    make -C "$folder" --no-print-directory -j"$(nproc)" "$target"
}

# ---- processes ----

# The argument by which a program of this stack is told from every other of its name.
mark_of() {
    case $1 in
    mariadbd) printf '%s' "--datadir=$RUN/mariadb" ;;
    meetpool-sandbox) printf '%s' "unix:$RUN/sandbox.sock" ;;
    meetpoold) printf '%s' "$RUN/meetpool.env" ;;
    nginx) printf '%s' "$RUN/nginx.conf" ;;
    esac
}

pid_file() {
    case $1 in
    mariadbd) printf '%s' "$RUN/mariadb.pid" ;;
    meetpool-sandbox) printf '%s' "$RUN/sandbox.pid" ;;
    *) printf '%s' "$RUN/$1.pid" ;;
    esac
}

# The program that a process runs. A process that may not be looked into (meetpoold keeps its memory from other eyes) still shows its first argument.
program_of() {
    REPLY=$(readlink "/proc/$1/exe" 2>/dev/null) || read -r -d '' REPLY 2>/dev/null <"/proc/$1/cmdline" || return 1
    REPLY=${REPLY% (deleted)}
    REPLY=${REPLY%%: *}
    REPLY=${REPLY##*/}
}

# is_ours PID NAME: whether that process is the program NAME of this stack. A number in a pid file may have gone to somebody else since.
is_ours() {
    local words
    program_of "$1" && [[ $REPLY == "$2" ]] || return 1
    words=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") || return 1
    [[ " $words " == *" $(mark_of "$2") "* ]]
}

# running NAME: leaves its pid in REPLY.
running() {
    REPLY=$(cat "$(pid_file "$1")" 2>/dev/null) || return 1
    [[ $REPLY =~ ^[0-9]+$ ]] || return 1
    local pid=$REPLY
    is_ours "$pid" "$1" || return 1
    REPLY=$pid
}

declare -A LAUNCHED=()

# launch NAME LOG COMMAND…: in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it. Writes the pid file.
launch() {
    local name=$1 log=$2
    shift 2
    setsid "$@" </dev/null >>"$log" 2>&1 8>&- 9>&- &
    LAUNCHED[$name]=$!
    printf '%s\n' $! >"$(pid_file "$name")"
}

# dead NAME: for what this call has launched, whether the process has ended. On a busy machine it takes a while until it has become the program NAME,
# and `running` says no until then.
dead() {
    if [[ -n ${LAUNCHED[$1]:-} ]]; then gone "${LAUNCHED[$1]}"; else ! running "$1"; fi
}

# wait_until SECONDS COMMAND…: every 30 ms.
wait_until() {
    local end=$((${EPOCHREALTIME//[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME//[.,]/} < end)) || return 1
        sleep 0.03
    done
}

gone() {
    ! kill -0 "$1" 2>/dev/null || [[ $(ps -o stat= -p "$1" 2>/dev/null) == Z* ]]
}

# Every process of the session that PID led (a master's children outlive its SIGKILL), and that runs the program NAME.
session_of() {
    local pid
    for pid in $(ps -o pid= -s "$1" 2>/dev/null); do
        program_of "$pid" && [[ $REPLY == "$2" ]] && printf '%s\n' "$pid"
    done
    return 0
}

session_empty() {
    [[ -z $(session_of "$1" "$2") ]]
}

# stop NAME SIGNAL SECONDS: asks, waits, and then insists. The children go with it.
stop() {
    local name=$1 pid file
    file=$(pid_file "$name")
    if running "$name"; then
        pid=$REPLY
        kill -s "$2" "$pid" 2>/dev/null || true
        wait_until "$3" gone "$pid" || say "$name did not stop within $3 s and is killed"
    else
        pid=$(cat "$file" 2>/dev/null) || return 0
        [[ $pid =~ ^[0-9]+$ ]] || return 0
        # A number that lives but is not ours has been given to another process: its session is not ours either.
        gone "$pid" || { rm -f "$file" && return 0; }
    fi
    if ! wait_until 1 session_empty "$pid" "$name"; then
        # shellcheck disable=SC2046 # one word a pid
        kill -KILL $(session_of "$pid" "$name") 2>/dev/null || true
        wait_until 5 session_empty "$pid" "$name" || die "$name (pid $pid) does not go away"
    fi
    rm -f "$file"
}

# ---- the stack's tools ----

# One stack, one caller at a time.
lock_run() {
    exec 9>"$RUN/.lock"
    flock -w 600 9 || die "another scripts/up or scripts/down holds $RUN/.lock"
}

sql() {
    mariadb --no-defaults --batch --skip-column-names -u root -S "$RUN/mariadb.sock" "$@" 8>&- 9>&-
}

# meetpoolctl with the configuration of this stack. The embedded database has a user of its own for changes to the schema.
run_ctl() {
    [[ -f $RUN/meetpool.env ]] || die "there is no stack in $RUN: call scripts/up first"
    local -a as=()
    local -A secrets=()
    if [[ ${1:-} == migrate && -f $RUN/mariadb.pid ]]; then
        read_env "$RUN/secrets.env" secrets
        as=(env "MEETPOOL_DB_USER=meetpool_schema" "MEETPOOL_DB_PASSWORD=${secrets[SCHEMA_DB_PASSWORD]}")
    fi
    "${as[@]}" "$BIN/meetpoolctl" --config "$RUN/meetpool.env" "$@" 8>&- 9>&-
}

#!/usr/bin/env bash
# A private PostgreSQL and a private RabbitMQ for the tests: own folder, own free ports, loopback
# only, beside whatever runs on this machine and without touching it.
#
# Sourced by tests/run. Tests call it to pull the plug (JIAOYING_TEST_SERVICES names this file,
# JIAOYING_TEST_STATE the folder):
#     tests/services.sh postgres start|stop|crash
#     tests/services.sh rabbitmq start|stop|crash|block|unblock
# By hand: `tests/services.sh up DIR` starts both and prints the variables, `tests/services.sh down DIR` ends both.

# --- what both need ---

services_install() {
    local missing=()
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
    compgen -G '/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin' >/dev/null || missing+=(rabbitmq-server)
    # Tests start brokers of their own; the one that the package starts is not needed.
    command -v mosquitto >/dev/null && command -v mosquitto_sub >/dev/null || missing+=(mosquitto mosquitto-clients)
    /usr/bin/python3 -c "import pika" 2>/dev/null || missing+=(python3-pika)
    /usr/bin/python3 -c "import ensurepip" 2>/dev/null || missing+=(python3-venv)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    # For the long tests: Kannel and the SMS centre that comes with it, a SIP phone, and what Jasmin keeps its state in.
    if [ "${JIAOYING_TEST_ALL:-}" = 1 ]; then
        [ -x /usr/sbin/bearerbox ] || missing+=(kannel)
        [ -x /usr/lib/kannel/test/fakesmsc ] || missing+=(kannel-extras)
        [ -x /usr/bin/baresip ] || missing+=(baresip-core)
        [ -x /usr/bin/redis-server ] || missing+=(redis-server)
    fi
    # The other side of voice calls, and what speaks in them.
    command -v sipp >/dev/null || missing+=(sip-tester)
    command -v espeak-ng >/dev/null || missing+=(espeak-ng)
    [ ${#missing[@]} = 0 ] || packages_install "${missing[@]}"
    # The tests that ask for them fail without them.
    judges_install || unset JIAOYING_TEST_JUDGES
    sdks_install || unset JIAOYING_TEST_SDKS
    peers_install || unset JIAOYING_TEST_PEERS
    if [ "${JIAOYING_TEST_ALL:-}" = 1 ]; then jasmin_install || unset JIAOYING_TEST_JASMIN; fi
}

packages_install() {
    local sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
    echo "installing $*" >&2
    "${sudo[@]}" apt-get update -q >/dev/null
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null
}

# Parsers, checkers and clients of other makers that ours are compared with: tests/foreign.py runs in their folder.
judges_install() {
    export JIAOYING_TEST_JUDGES; JIAOYING_TEST_JUDGES=$(venv_of judges)
    venv_install judges capparser==2.0.4 jsonschema==4.17.3 pycmpp==2.0.2 cmppy==0.3
}

# The libraries of vendors whose APIs we speak: tests/vendor_sdks.py runs in their folder.
sdks_install() {
    export JIAOYING_TEST_SDKS; JIAOYING_TEST_SDKS=$(venv_of sdks)
    venv_install sdks alibabacloud-dysmsapi20170525==4.6.0 alibabacloud-dyvmsapi20170525==5.3.0 \
        alibabacloud-tea-openapi==0.4.6 tencentcloud-sdk-python-sms==3.1.153 \
        tencentcloud-sdk-python-vms==3.0.1459 tencentcloud-sdk-python-common==3.1.195 twilio==9.13.0
}

# An SMPP gateway of other makers, for the long tests: tests/peers/jasmind.py starts it. Its versions of libraries are old.
jasmin_install() {
    export JIAOYING_TEST_JASMIN; JIAOYING_TEST_JASMIN=$(venv_of jasmin)
    venv_install jasmin jasmin==0.11.1
}

venv_of() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/jiaoying/$1/bin/python"; }

# venv_install NAME PACKAGE...: a folder of their own. An installation that was broken off is begun again.
venv_install() {
    local python dir; python=$(venv_of "$1") dir=${XDG_CACHE_HOME:-$HOME/.cache}/jiaoying/$1; shift
    [ "$(cat "$dir/installed" 2>/dev/null)" = "$*" ] && "$python" -c "" 2>/dev/null && return
    echo "installing $*" >&2
    rm -rf "$dir"
    /usr/bin/python3 -m venv "$dir" &&
        "$dir/bin/pip" install -q --disable-pip-version-check "$@" &&
        echo "$*" >"$dir/installed"
}

# Other sides of protocols, of other makers, in a folder of their own: the programs in tests/peers stand on them.
# The Python ones are installed by the judges' pip.
peers_install() {
    local node=(smpp@0.5.1) python=(smpp34==1.5.0)
    local dir=${XDG_CACHE_HOME:-$HOME/.cache}/jiaoying/other-sides
    export JIAOYING_TEST_PEERS=$dir
    [ "$(cat "$dir/installed" 2>/dev/null)" = "${node[*]} ${python[*]}" ] && return
    echo "installing ${node[*]} ${python[*]}" >&2
    rm -rf "$dir" && mkdir -p "$dir" &&
        npm install --prefix "$dir" --silent --no-audit --no-fund --ignore-scripts "${node[@]}" >&2 &&
        "${JIAOYING_TEST_JUDGES:-false}" -m pip install -q --disable-pip-version-check --target "$dir/python" "${python[@]}" &&
        echo "${node[*]} ${python[*]}" >"$dir/installed"
}

# Prints N free ports below the range that the kernel gives out to outgoing connections.
free_ports() {
    local found=() port
    while [ ${#found[@]} -lt "$1" ]; do
        port=$((10000 + RANDOM % 20000))
        [[ " ${found[*]} " == *" $port "* ]] && continue
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || found+=("$port")
    done
    echo "${found[@]}"
}

# wait_until SECONDS WHAT COMMAND...
wait_until() {
    local seconds=$1 what=$2; shift 2
    local end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "$what: nothing after $seconds s" >&2; return 1; }
        sleep 0.1
    done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# Makes the folder's plan: ports, chosen once, so that a stopped server comes back at its place.
services_plan() {
    export JIAOYING_TEST_STATE=$1
    [ -e "$1/ports" ] || free_ports 4 >"$1/ports"
    read -r PG_PORT RMQ_PORT RMQ_DIST_PORT RMQ_EPMD_PORT <"$1/ports"
    PG_DIR=$1/postgres PG_BIN=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
    RMQ_DIR=$1/rabbitmq RMQ_SBIN=$(ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin | sort -V | tail -1)
    export JIAOYING_TEST_POSTGRES=postgres://jiaoying@127.0.0.1:$PG_PORT/postgres
    export JIAOYING_TEST_AMQP=amqp://guest:guest@127.0.0.1:$RMQ_PORT/%2f
}

# --- PostgreSQL ---

# PostgreSQL refuses to run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

postgres_start() {
    if [ ! -e "$PG_DIR/PG_VERSION" ]; then
        mkdir -p "$PG_DIR"
        if [ "$(id -u)" = 0 ]; then chown postgres "$PG_DIR"; fi
        chmod 700 "$PG_DIR"
        (cd / && as_postgres "$PG_BIN/initdb" -D "$PG_DIR" -U jiaoying --auth=trust -E UTF8 --locale=C.UTF-8 \
            --no-instructions >/dev/null)
        cat >>"$PG_DIR/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $PG_PORT
unix_socket_directories = '$PG_DIR'
max_connections = 1000
logging_collector = off
CONF
    fi
    # After a crash the first start may meet what is left of the old server: try again.
    wait_until 30 PostgreSQL postgres_launch
}

postgres_launch() {
    (cd / && as_postgres "$PG_BIN/pg_ctl" -D "$PG_DIR" -w -t 20 -l "$PG_DIR/server.log" start)
}

postgres_stop() {
    [ -e "$PG_DIR/postmaster.pid" ] || return 0
    (cd / && as_postgres "$PG_BIN/pg_ctl" -D "$PG_DIR" -m "${1:-fast}" -w stop >/dev/null)
}

postgres_crash() { postgres_stop immediate; }

# --- RabbitMQ ---

# rabbitmq COMMAND...: runs it in the private node's surroundings. The script below sbin, not the one
# in /usr/sbin, which changes user and forgets the environment.
rabbitmq() {
    env HOME="$RMQ_DIR" \
        RABBITMQ_CONF_ENV_FILE="$RMQ_DIR/env.conf" \
        RABBITMQ_NODENAME="jiaoying$RMQ_PORT@localhost" \
        RABBITMQ_MNESIA_BASE="$RMQ_DIR/mnesia" \
        RABBITMQ_LOG_BASE="$RMQ_DIR/log" \
        RABBITMQ_CONFIG_FILE="$RMQ_DIR/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$RMQ_DIR/enabled_plugins" \
        RABBITMQ_PID_FILE="$RMQ_DIR/pid" \
        RABBITMQ_DIST_PORT="$RMQ_DIST_PORT" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
        ERL_EPMD_PORT="$RMQ_EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1 \
        "$@"
}

rabbitmq_start() {
    if [ ! -e "$RMQ_DIR/rabbitmq.conf" ]; then
        mkdir -p "$RMQ_DIR/mnesia" "$RMQ_DIR/log"
        : >"$RMQ_DIR/env.conf"
        echo '[].' >"$RMQ_DIR/enabled_plugins"
        cat >"$RMQ_DIR/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$RMQ_PORT
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 100MB
log.console = false
CONF
    fi
    rm -f "$RMQ_DIR/pid"
    rabbitmq setsid nohup "$RMQ_SBIN/rabbitmq-server" >>"$RMQ_DIR/log/stdout" 2>&1 </dev/null &
    disown
    wait_until 60 RabbitMQ rabbitmq_ready
}

# The broker greets a client that says hello; the bare port opens earlier.
rabbitmq_ready() {
    local greeting
    exec 3<>"/dev/tcp/127.0.0.1/$RMQ_PORT" || return 1
    printf 'AMQP\0\0\11\1' >&3
    greeting=$(timeout 2 head -c 1 <&3 | od -An -tx1)
    exec 3>&-
    [ "$greeting" = " 01" ] && [ -s "$RMQ_DIR/pid" ]
}

# The memory alarm: the broker reads no more from whoever publishes, until unblock.
rabbitmq_block() { rabbitmq_watermark 0; }
rabbitmq_unblock() { rabbitmq_watermark absolute 1GB; }
rabbitmq_watermark() { rabbitmq "$RMQ_SBIN/rabbitmqctl" -q set_vm_memory_high_watermark "$@"; }

rabbitmq_stop() { rabbitmq_end TERM; }
rabbitmq_crash() { rabbitmq_end KILL; }

rabbitmq_end() {
    [ -s "$RMQ_DIR/pid" ] || return 0
    local pid; pid=$(cat "$RMQ_DIR/pid")
    kill "-$1" "$pid" 2>/dev/null || true
    wait_until 30 "RabbitMQ's end" gone "$pid"
    rm -f "$RMQ_DIR/pid"
    # The name server of this node only, by its port; it outlives the node.
    rabbitmq epmd -port "$RMQ_EPMD_PORT" -kill >/dev/null 2>&1 || true
}

# --- all ---

services_up() {
    services_install
    services_plan "$1"
    postgres_start &
    local postgres=$!
    rabbitmq_start
    wait "$postgres"
}

services_down() {
    [ -d "$1" ] || return 0
    services_plan "$1"
    postgres_stop || true
    rabbitmq_stop || true
    rm -rf "${1:?}"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    case "${1:-} ${2:-}" in
    "postgres start" | "postgres stop" | "postgres crash" | \
        "rabbitmq start" | "rabbitmq stop" | "rabbitmq crash" | "rabbitmq block" | "rabbitmq unblock")
        services_plan "${JIAOYING_TEST_STATE:?names the folder of the servers}"
        "$1_$2"
        ;;
    "up "?*)
        mkdir -p "$2" && chmod 755 "$2"
        services_up "$2"
        env | grep '^JIAOYING_TEST_'
        ;;
    "down "?*) services_down "$2" ;;
    *)
        sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
fi

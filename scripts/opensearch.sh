#!/usr/bin/env bash
# Starts and stops an OpenSearch server with k-NN for tests and benchmarks, on 127.0.0.1. Needs Java 17 or later, Maven,
# curl and python3; the official images do not run without Docker, and the parts of a distribution are Maven artifacts.
#
#   scripts/opensearch.sh up FOLDER [PORT]     prints the URL when the server answers
#   scripts/opensearch.sh down FOLDER
#
# FOLDER keeps programs and data; it must be readable by other users if root calls, because OpenSearch refuses root and
# runs as nobody then. OPENSEARCH_JAVA_OPTS adds options, for example -XX:TieredStopAtLevel=1 for a faster start.
set -euo pipefail

VERSION=2.19.1
LOG4J=2.21.0 # the one that this version of OpenSearch was built with
NOBODY=65534

fail() {
    echo "error: $*" >&2
    exit 1
}

dependency() { # group, artifact, version, more elements
    printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>%s</dependency>\n' \
        "$1" "$2" "$3" "${4-}"
}

write_pom() {
    local without_dependencies='<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'
    echo '<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>server</artifactId>'
    echo '<version>1</version><packaging>pom</packaging><dependencies>'
    dependency org.opensearch opensearch $VERSION
    dependency org.opensearch opensearch-plugin-classloader $VERSION
    dependency org.apache.logging.log4j log4j-core $LOG4J
    for plugin in transport-netty4-client lang-painless reindex-client; do
        dependency org.opensearch.plugin $plugin $VERSION
    done
    dependency org.opensearch.plugin opensearch-knn $VERSION.0 "<type>zip</type>$without_dependencies"
    echo '</dependencies></project>'
}

write_module() { # name, class
    cat >"$home/modules/$1/plugin-descriptor.properties" <<END
name=$1
description=$1
version=$VERSION
opensearch.version=$VERSION
java.version=11
classname=org.opensearch.$2
extended.plugins=
has.native.controller=false
END
    echo 'grant { permission java.security.AllPermission; };' >"$home/modules/$1/plugin-security.policy"
}

install() {
    local all=$folder/artifacts
    rm -rf "$all" "$home"
    mkdir -p "$home"/{config,data,logs,tmp,lib,plugins/opensearch-knn} "$home"/modules/{transport-netty4,lang-painless,reindex}
    write_pom >"$folder/pom.xml"
    # Two Maven processes must not write into the same repository at once.
    local alone=()
    if command -v flock >/dev/null; then alone=(flock "${TMPDIR:-/tmp}/opensearch-install.lock"); fi
    "${alone[@]}" mvn -q -B -Dstyle.color=never -f "$folder/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$all" >&2 ||
        fail "Maven could not fetch OpenSearch $VERSION: see its message above"
    cp "$all"/*.jar "$home/lib/"
    (
        cd "$home/lib"
        mv transport-netty4-client-*.jar netty-*.jar ../modules/transport-netty4/
        mv lang-painless-*.jar opensearch-scripting-painless-spi-*.jar antlr4-runtime-*.jar asm-*.jar ../modules/lang-painless/
        mv reindex-client-*.jar opensearch-ssl-config-*.jar opensearch-rest-client-*.jar http*.jar commons-*.jar ../modules/reindex/
    )
    python3 -m zipfile -e "$all"/opensearch-knn-*.zip "$home/plugins/opensearch-knn/"
    write_module transport-netty4 transport.Netty4Plugin
    write_module lang-painless painless.PainlessPlugin
    write_module reindex index.reindex.ReindexPlugin
    cat >"$home/config/log4j2.properties" <<'END'
status=error
appender.c.type=Console
appender.c.name=c
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level=warn
rootLogger.appenderRef.c.ref=c
END
    touch "$home/installed"
}

up() {
    for program in java mvn curl python3; do
        command -v $program >/dev/null || fail "$program is missing: install Java 17, Maven, curl and Python 3"
    done
    local java_version
    java_version=$(java -version 2>&1 | sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -1)
    [ "${java_version:-0}" -ge 17 ] || fail "Java ${java_version:-of an unknown version} is too old: install Java 17"
    curl -s -m 2 -o /dev/null "$url/" && fail "port $port is taken: pass another one"
    mkdir -p "$folder"
    [ -f "$home/installed" ] || install
    cat >"$home/config/opensearch.yml" <<END
cluster.name: test
node.name: test
discovery.type: single-node
network.host: 127.0.0.1
http.port: $port
transport.port: $((port + 1))
action.auto_create_index: false
cluster.routing.allocation.disk.threshold_enabled: false
END
    local as_user=()
    if [ "$(id -u)" = 0 ]; then
        chown -R $NOBODY:$NOBODY "$home"
        as_user=(setpriv --reuid=$NOBODY --regid=$NOBODY --clear-groups)
    fi
    # shellcheck disable=SC2086  # several options
    (cd "$home" && exec setsid "${as_user[@]}" java -Xms512m -Xmx1g -XX:+UseSerialGC ${OPENSEARCH_JAVA_OPTS-} \
        -Dfile.encoding=UTF-8 -Djava.security.manager=allow -Djava.locale.providers=SPI,COMPAT \
        -Djava.io.tmpdir="$home/tmp" -Dlog4j.shutdownHookEnabled=false -Dlog4j2.disable.jmx=true \
        -Dio.netty.noUnsafe=true -Dio.netty.noKeySetOptimization=true -Dopensearch.path.home="$home" \
        -Dopensearch.path.conf="$home/config" -Dopensearch.distribution.type=tar -cp "$home/lib/*" \
        org.opensearch.bootstrap.OpenSearch >"$folder/server.log" 2>&1 </dev/null) &
    local pid=$!
    echo $pid >"$folder/server.pid"
    for _ in $(seq 480); do
        if ! kill -0 $pid 2>/dev/null; then
            tail -20 "$folder/server.log" >&2
            fail "OpenSearch ended, see $folder/server.log"
        fi
        if curl -fs -m 5 -o /dev/null "$url/_cluster/health?wait_for_status=yellow&timeout=4s"; then
            echo "$url"
            exit 0
        fi
        sleep 0.25
    done
    kill $pid
    fail "OpenSearch does not answer after two minutes, see $folder/server.log"
}

is_server() { # process id
    if [ -d /proc/self ]; then
        tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF "opensearch.path.home=$home"
    else
        ps -o args= -p "$1" | grep -qF "opensearch.path.home=$home"
    fi
}

down() {
    [ -f "$folder/server.pid" ] || fail "no server was started in $folder"
    local pid
    pid=$(cat "$folder/server.pid")
    # The number may belong to another program by now.
    if ! is_server "$pid"; then
        rm -f "$folder/server.pid"
        exit 0
    fi
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 120); do
        kill -0 "$pid" 2>/dev/null || {
            rm -f "$folder/server.pid"
            exit 0
        }
        sleep 0.25
    done
    kill -9 "$pid"
    rm -f "$folder/server.pid"
}

[ $# -ge 2 ] || fail "usage: scripts/opensearch.sh up FOLDER [PORT] | down FOLDER"
folder=$(realpath -m "$2")
home=$folder/home
port=${3:-9200}
url=http://127.0.0.1:$port
case $1 in
up) up ;;
down) down ;;
*) fail "usage: scripts/opensearch.sh up FOLDER [PORT] | down FOLDER" ;;
esac

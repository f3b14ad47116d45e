# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts in tools/ after packages.sh: configures and builds one CMake preset.
#
#   build_preset PRESET [TARGET...]
#
# Says one line (with its progress on a terminal) and keeps the compiler's words in build.log of the
# preset's folder; they are shown when the build fails, which is then the return value (70).
# A preset that did not build is not tried again.  `root` is the repository.  All words go to stderr.

broken_presets=

preset_folder() {
    case "$1" in
    release) echo "$root/build" ;;
    *) echo "$root/build/$1" ;;
    esac
}

build_preset() {
    preset=$1
    shift
    folder=$(preset_folder "$preset")
    case " $broken_presets " in *" $preset "*) return 70 ;; esac
    mkdir -p "$folder"
    if [ ! -f "$folder/build.ninja" ]; then
        (cd "$root" && cmake --preset "$preset") >"$folder/build.log" 2>&1 || {
            build_failed configuring
            return 70
        }
    fi
    build_started=$(date +%s)
    announce_build &
    announcer=$!
    ninja -C "$folder" "$@" >"$folder/build.log" 2>&1
    result=$?
    kill "$announcer" 2>/dev/null
    wait "$announcer" 2>/dev/null
    [ ! -t 2 ] || printf '\r\033[K' >&2
    if [ "$result" != 0 ]; then
        build_failed building
        return 70
    fi
    build_seconds=$(($(date +%s) - build_started))
    [ "$build_seconds" -lt 2 ] || echo "built $preset in $build_seconds s" >&2
}

# On a terminal the step ninja is at, as its log has it ("[12/90] Building ..."); otherwise one line.
# Says nothing about a build that is done in half a second.
announce_build() {
    sleep 0.5 >/dev/null 2>&1
    [ -t 2 ] || echo "building $preset ..." >&2
    while [ -t 2 ] && kill -0 $$ 2>/dev/null; do
        step=$(tail -n 1 "$folder/build.log" 2>/dev/null | grep -o '^\[[0-9]*/[0-9]*\]')
        printf '\rbuilding %s %s ' "$preset" "$step" >&2
        sleep 0.3
    done
}

build_failed() {
    grep -E -A 12 'FAILED:|error:|warning:|CMake Error' "$folder/build.log" | head -n 80 >&2
    broken_presets="$broken_presets $preset"
    echo "$1 $preset failed; all of it is in $folder/build.log" >&2
}

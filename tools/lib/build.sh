# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts in tools/ after packages.sh: configures and builds one CMake preset.
#
#   build_preset PRESET [TARGET...]
#
# Says one line (with its progress on a terminal) and keeps the compiler's words in build.log of the
# preset's folder; they are shown when the build fails, which is then the return value (70).
# `root` is the repository.  All words go to stderr.

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
    mkdir -p "$folder"
    if [ ! -f "$folder/build.ninja" ]; then
        (cd "$root" && cmake --preset "$preset") >"$folder/build.log" 2>&1 || {
            build_failed configuring
            return 70
        }
    fi
    run_ninja "$@" >"$folder/build.log" 2>&1 &
    builder=$!
    show_build_progress
    if ! wait "$builder"; then
        build_failed building
        return 70
    fi
}

run_ninja() {
    # Ninja prints "[12/90] Building ..." lines; the progress line reads the last of them.
    ninja -C "$folder" "$@"
}

show_build_progress() {
    [ -t 2 ] || { announce_long_build; return 0; }
    while kill -0 "$builder" 2>/dev/null; do
        step=$(tail -n 1 "$folder/build.log" 2>/dev/null | grep -o '^\[[0-9]*/[0-9]*\]')
        printf '\rbuilding %s %s ' "$preset" "$step" >&2
        sleep 0.3
    done
    printf '\r\033[K' >&2
}

# Without a terminal: one line, and only when there is something to wait for.
announce_long_build() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.05
        kill -0 "$builder" 2>/dev/null || return 0
    done
    echo "building $preset ..." >&2
}

build_failed() {
    grep -E -A 12 'FAILED:|error:|warning:|CMake Error' "$folder/build.log" | head -n 80 >&2
    echo "$1 $preset failed; all of it is in $folder/build.log" >&2
}

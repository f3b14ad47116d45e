# SPDX-License-Identifier: Apache-2.0
# cmake -D OUTPUT=FILE.c -D FILES=a;b -P embed.cmake: the octets of files as C, for pages.c. The name of each is its
# last component.
set(arrays "")
set(rows "")
set(number 0)
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} octets HEX)
  string(REGEX REPLACE "(..)" "0x\\1," octets "${octets}")
  string(APPEND arrays "static const uint8_t octets_${number}[] = {${octets}};\n")
  string(APPEND rows "    {\"${name}\", octets_${number}, sizeof octets_${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT} "/* Made by embed.cmake. */
#include \"broker/management/embedded_file.h\"

${arrays}
const struct embedded_file embedded_files[] = {
${rows}    {NULL, NULL, 0},
};
")

// Loading libtensorflow touches some 250 MiB of its file: relocation and registration run through all of it, and the
// kernel maps what lies around each place. Training runs a tenth of that. The rest is given back here; a page that
// is needed after all is still in the page cache.
#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>
#endif

namespace modalmix {

#if defined(__linux__)

// Gives back those pages of [start, end) that are the file's own, not copies that were written to.
static void give_back(std::FILE* pagemap, uintptr_t start, uintptr_t end) {
  constexpr uint64_t OF_FILE = uint64_t(1) << 61;  // Documentation/admin-guide/mm/pagemap.rst
  const uintptr_t page = sysconf(_SC_PAGESIZE);
  std::vector<uint64_t> entries((end - start) / page);
  if (std::fseek(pagemap, long(start / page * sizeof(uint64_t)), SEEK_SET) != 0) return;
  if (std::fread(entries.data(), sizeof(uint64_t), entries.size(), pagemap) != entries.size()) return;
  for (size_t from = 0; from < entries.size();) {
    size_t to = from;
    while (to < entries.size() && (entries[to] & OF_FILE) != 0) to += 1;
    if (to > from) madvise(reinterpret_cast<void*>(start + from * page), (to - from) * page, MADV_DONTNEED);
    from = to + 1;
  }
}

static void give_back_library_pages() {
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  std::FILE* pagemap = std::fopen("/proc/self/pagemap", "rb");
  if (maps != nullptr && pagemap != nullptr) {
    std::vector<std::pair<uintptr_t, uintptr_t>> ranges;
    char line[4096];
    while (std::fgets(line, sizeof line, maps) != nullptr) {
      unsigned long start, end;
      char permissions[5];
      if (std::sscanf(line, "%lx-%lx %4s", &start, &end, permissions) != 3) continue;
      const bool constant = std::strcmp(permissions, "r--p") == 0 || std::strcmp(permissions, "r-xp") == 0;
      if (constant && std::strstr(line, "/libtensorflow_") != nullptr) ranges.emplace_back(start, end);
    }
    for (const auto& [start, end] : ranges) give_back(pagemap, start, end);
  }
  if (maps != nullptr) std::fclose(maps);
  if (pagemap != nullptr) std::fclose(pagemap);
}

#else

static void give_back_library_pages() {}

#endif

}  // namespace modalmix

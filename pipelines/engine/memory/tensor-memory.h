// Where large blocks of memory lie: in one range of addresses, beside each other, each where it needs the fewest new
// pages of 2 MiB. A page without a block is kept as long as no more pages are held than were ever needed at once; then
// the one that has been without the longest is given back.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace modalmix {

class TensorMemory {
 public:
  // Where a block may begin; what its user gets begins one further.
  static constexpr size_t UNIT = 256;

  // Nothing when there is no room; then and later the C library has some.
  void* take(size_t bytes) {
    if (!begin()) return nullptr;
    const size_t size = (bytes + UNIT - 1) / UNIT * UNIT + UNIT;
    const uint32_t number = best(size);
    if (number == NONE || !split(number, size)) return nullptr;
    set_used(number, true);
    touch(number);
    char* at = range_ + blocks_[number].start;
    *reinterpret_cast<uint32_t*>(at) = number;
    return at + UNIT;
  }

  bool owns(const void* pointer) const {
    return range_ != nullptr && uintptr_t(pointer) - uintptr_t(range_) < RANGE;
  }

  size_t size_of(const void* pointer) const { return blocks_[number_of(pointer)].size - UNIT; }

  void give_back(void* pointer) {
    uint32_t number = number_of(pointer);
    leave(number);
    set_used(number, false);
    const uint32_t after = blocks_[number].after, before = blocks_[number].before;
    if (after != NONE && !blocks_[after].used) join(number, after);
    if (before != NONE && !blocks_[before].used) join(before, number);
  }

  // Bytes that are in memory for blocks, used or not.
  size_t held() const { return held_ << PAGE_BITS; }
  // The most that used blocks ever needed.
  size_t most_needed() const { return most_needed_ << PAGE_BITS; }

  // Beyond what was ever needed: blocks never fit exactly.
  static constexpr size_t SPARE_PAGES = 4;
  static constexpr size_t PAGE_BITS = 21;

 private:
  // Addresses, not memory.
  static constexpr size_t RANGE = size_t(256) << 30, PAGES = RANGE >> PAGE_BITS;
  static constexpr uint32_t MOST_BLOCKS = 1 << 16, NONE = UINT32_MAX;

  // Two free neighbours are made one.
  struct Block {
    size_t start, size;
    uint32_t before, after;            // neighbours in the range
    uint32_t free_before, free_after;  // of the free ones, in no order; `free_after` of places that are not in use too
    bool used;
  };

  struct Page {
    uint32_t users;      // used blocks that touch it
    uint32_t left_at;    // when the last of them went
    bool is_held;
  };

  static void* map(size_t bytes) {
    constexpr int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kind, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
  }

  bool begin() {
    if (begun_) return range_ != nullptr;
    begun_ = true;
    blocks_ = static_cast<Block*>(map(MOST_BLOCKS * sizeof(Block)));
    pages_ = static_cast<Page*>(map(PAGES * sizeof(Page)));
    constexpr size_t page = size_t(1) << PAGE_BITS;
    char* range = static_cast<char*>(map(RANGE + page));
    if (blocks_ == nullptr || pages_ == nullptr || range == nullptr) return false;
    range_ = range + (page - uintptr_t(range) % page) % page;
    madvise(range_, RANGE, MADV_HUGEPAGE);
    made_ = 1;
    blocks_[0] = {0, RANGE, NONE, NONE, NONE, NONE, true};
    set_used(0, false);
    return true;
  }

  static uint32_t number_of(const void* pointer) {
    return *reinterpret_cast<const uint32_t*>(static_cast<const char*>(pointer) - UNIT);
  }

  size_t first_page(const Block& block) const { return block.start >> PAGE_BITS; }
  size_t last_page(size_t start, size_t size) const { return (start + size - 1) >> PAGE_BITS; }

  // The free block that needs the fewest new pages, among those the smallest.
  uint32_t best(size_t size) const {
    uint32_t found = NONE;
    size_t fewest = SIZE_MAX;
    for (uint32_t number = free_; number != NONE; number = blocks_[number].free_after) {
      const Block& block = blocks_[number];
      if (block.size < size) continue;
      size_t fresh = 0;
      const size_t last = last_page(block.start, size);
      for (size_t page = first_page(block); page <= last && fresh <= fewest; page += 1) fresh += !pages_[page].is_held;
      const bool better = found == NONE || fresh < fewest || (fresh == fewest && block.size < blocks_[found].size);
      if (!better) continue;
      found = number;
      fewest = fresh;
    }
    return found;
  }

  // Cuts what is beyond `size` off a free block.
  bool split(uint32_t number, size_t size) {
    if (blocks_[number].size == size) return true;
    const uint32_t rest = new_number();
    if (rest == NONE) return false;
    Block& block = blocks_[number];
    blocks_[rest] = {block.start + size, block.size - size, number, block.after, NONE, NONE, true};
    if (block.after != NONE) blocks_[block.after].before = rest;
    block.after = rest;
    block.size = size;
    set_used(rest, false);
    return true;
  }

  // Makes of two free neighbours one.
  void join(uint32_t number, uint32_t next) {
    set_used(next, true);
    Block& block = blocks_[number];
    block.size += blocks_[next].size;
    block.after = blocks_[next].after;
    if (block.after != NONE) blocks_[block.after].before = number;
    blocks_[next].free_after = unused_;
    unused_ = next;
  }

  uint32_t new_number() {
    if (unused_ == NONE) return made_ < MOST_BLOCKS ? made_++ : NONE;
    const uint32_t number = unused_;
    unused_ = blocks_[number].free_after;
    return number;
  }

  // Into the list of free blocks, or out of it.
  void set_used(uint32_t number, bool used) {
    Block& block = blocks_[number];
    block.used = used;
    if (used) {
      if (block.free_before == NONE) free_ = block.free_after;
      else blocks_[block.free_before].free_after = block.free_after;
      if (block.free_after != NONE) blocks_[block.free_after].free_before = block.free_before;
      return;
    }
    block.free_before = NONE;
    block.free_after = free_;
    if (free_ != NONE) blocks_[free_].free_before = number;
    free_ = number;
  }

  void touch(uint32_t number) {
    const Block& block = blocks_[number];
    const size_t last = last_page(block.start, block.size);
    for (size_t page = first_page(block); page <= last; page += 1) {
      needed_ += pages_[page].users == 0;
      held_ += !pages_[page].is_held;
      pages_[page].users += 1;
      pages_[page].is_held = true;
    }
    if (last >= reached_) reached_ = last + 1;
    if (needed_ > most_needed_) most_needed_ = needed_;
    while (held_ > most_needed_ + SPARE_PAGES) drop_oldest();
  }

  void leave(uint32_t number) {
    const Block& block = blocks_[number];
    now_ += 1;
    for (size_t page = first_page(block); page <= last_page(block.start, block.size); page += 1) {
      pages_[page].users -= 1;
      if (pages_[page].users > 0) continue;
      pages_[page].left_at = now_;
      needed_ -= 1;
    }
  }

  void drop_oldest() {
    size_t oldest = PAGES;
    for (size_t page = 0; page < reached_; page += 1) {
      const Page& candidate = pages_[page];
      if (!candidate.is_held || candidate.users > 0) continue;
      if (oldest == PAGES || int32_t(candidate.left_at - pages_[oldest].left_at) < 0) oldest = page;
    }
    madvise(range_ + (oldest << PAGE_BITS), size_t(1) << PAGE_BITS, MADV_DONTNEED);
    pages_[oldest].is_held = false;
    held_ -= 1;
  }

  bool begun_ = false;
  char* range_ = nullptr;
  Block* blocks_ = nullptr;
  Page* pages_ = nullptr;
  uint32_t unused_ = NONE, made_ = 0, free_ = NONE;
  uint32_t now_ = 0;
  // Pages; `reached_`: after the last that was ever held.
  size_t held_ = 0, needed_ = 0, most_needed_ = 0, reached_ = 0;
};

}  // namespace modalmix

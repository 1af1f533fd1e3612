// Takes and gives back blocks at random, as trainings do, and prints what it found: see tensor-memory.test.ts.
#include "../../../../pipelines/engine/memory/tensor-memory.h"

#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

int main() {
  static modalmix::TensorMemory memory;
  struct Taken {
    unsigned char* at;
    size_t size;
    unsigned char mark;
  };
  std::vector<Taken> taken;
  std::mt19937 random(1);
  size_t live = 0, most_live = 0, most_held = 0, wrong = 0, misplaced = 0;
  const size_t limit = size_t(256) << 20;
  const auto give_back = [&](size_t place) {
    const Taken block = taken[place];
    for (size_t i = 0; i < block.size; i += 4093) wrong += block.at[i] != block.mark;
    wrong += block.at[block.size - 1] != block.mark;
    memory.give_back(block.at);
    live -= block.size;
    taken[place] = taken.back();
    taken.pop_back();
  };
  for (int step = 0; step < 20000; step += 1) {
    // In waves, as a step's tensors come and go.
    const bool grows = step / 500 % 2 == 0;
    const size_t size = (size_t(128) << 10) + random() % (random() % 4 == 0 ? size_t(12) << 20 : size_t(1) << 20);
    if (random() % 100 < (grows ? 70 : 30) && live + size < limit) {
      const auto mark = static_cast<unsigned char>(random());
      auto* at = static_cast<unsigned char*>(memory.take(size));
      misplaced += uintptr_t(at) % 64 != 0 || !memory.owns(at) || memory.size_of(at) < size;
      std::memset(at, mark, size);
      taken.push_back({at, size, mark});
      live += size;
      if (live > most_live) most_live = live;
    } else if (!taken.empty()) {
      give_back(random() % taken.size());
    }
    if (memory.held() > most_held) most_held = memory.held();
  }
  while (!taken.empty()) give_back(taken.size() - 1);
  auto* again = static_cast<unsigned char*>(memory.take(limit));
  std::printf("{\"wrong\": %zu, \"misplaced\": %zu, \"mostLive\": %zu, \"mostHeld\": %zu, \"mostNeeded\": %zu, \"oneForAll\": %s}\n",
              wrong, misplaced, most_live, most_held, memory.most_needed(), again == nullptr ? "false" : "true");
  return 0;
}

#include "routing/keywords.h"

namespace causeway::routing {
namespace {

constexpr size_t kSlots = 1024;

constexpr size_t longest_keyword() {
  size_t longest = 0;
  for (const std::string_view word : kKeywords)
    longest = std::max(longest, word.size());
  return longest;
}

constexpr size_t kLongestKeyword = longest_keyword();

// Sets the bit that tells lower from upper case; other bytes may meet each other, the comparison tells them
// apart.
constexpr unsigned fold(char c) {
  return static_cast<unsigned char>(c) | 0x20U;
}

constexpr size_t hash(std::string_view word) {
  const size_t size = word.size();
  return (fold(word[0]) * 31 + fold(word[size / 2]) * 173 + fold(word[size - 1]) * 7 + size * 499) % kSlots;
}

// Open addressing: the slot of a word is its hash or the next ones after it that were free.
constexpr std::array<Keyword, kSlots> make_slots() {
  std::array<Keyword, kSlots> slots{};
  for (size_t i = 0; i < kKeywords.size(); ++i) {
    size_t slot = hash(kKeywords[i]);
    while (slots[slot] != kNoKeyword)
      slot = (slot + 1) % kSlots;
    slots[slot] = static_cast<Keyword>(i + 1);
  }
  return slots;
}
constexpr std::array<Keyword, kSlots> kTable = make_slots();

bool is_spelled(std::string_view word, std::string_view keyword) {
  if (word.size() != keyword.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    if ((c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c) != keyword[i]) return false;
  }
  return true;
}

}  // namespace

Keyword keyword_of(std::string_view word) {
  if (word.size() < 2 || word.size() > kLongestKeyword) return kNoKeyword;
  for (size_t slot = hash(word); kTable[slot] != kNoKeyword; slot = (slot + 1) % kSlots) {
    const Keyword keyword = kTable[slot];
    if (is_spelled(word, kKeywords[keyword - 1U])) return keyword;
  }
  return kNoKeyword;
}

}  // namespace causeway::routing

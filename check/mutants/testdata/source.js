export const limit = 10;

export function price(items, member = false) {
  if (items.length === 0 || !items) throw new Error('empty');
  let total = 0;
  for (let i = 0; i < items.length; i++) {
    total += items[i];
  }
  console.log(total + 1);
  note(total);
  const double = (n) => n * 2;
  return member && total > limit ? double(total) / 4 : total;
}

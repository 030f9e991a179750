import { Cart } from './cart';

describe('Cart', () => {
  beforeEach(() => {});

  it('adds', async () => { expect(1).toBe(1); });
  it.skip('removes', () => {});
  test.each([[1], [2]])('adds %i', (n) => {});

  describe("when empty", () => {
    it(`is falsy`, () => {});
    it.todo('has more');
  });
  xit('is off', () => {});
});

test.only("alone", () => {});

/// x.
package enum Placeholder {}
